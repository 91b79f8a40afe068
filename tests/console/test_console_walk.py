"""Every page that a link leads to can be read in the dark, in the longest of our languages and in Chinese, on a desk and a phone.

In the light and in English each page is judged where it is tested.
"""

from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin, urlsplit

from playwright.async_api import Page

from tests.api.conftest import EMERGENCY, Network
from tests.console.browsing import COLOURS, DESK, PHONE, Browsing, fits, judged
from tests.console.test_console_pathways import drafted
from tests.console.test_console_pharmacy import DUE

READERS = ("coordinator", "administrator", "manager", "doctor", "hospital-1", "pharmacy-1", "supervisor", "auditor")
LANGUAGES = ("es", "zh-Hant")  # in turn: what is too long is so in the first, what has no word to break in the second
NOT_FOLLOWED = ("/sign-out", "/reading", "/static/", "/docs", "/openapi.json")
FILES = (".csv", ".svg")


def shape(path: str) -> str:
    """An address without what differs from one record to another."""
    named = re.sub(r"/(keys|life|pathways|places|teams)/(?!new)[^/]+", r"/\1/*", path)
    return re.sub(r"/(?=[^/]*\d)[\w-]{8,}", "/*", named)


async def links(page: Page) -> list[str]:
    """Where this page leads on our site: paths, with what they ask for."""
    found: list[str] = await page.locator("a[href]:not([download])").evaluate_all("all => all.map((one) => one.href)")
    ours = [urldefrag(urljoin(page.url, one))[0] for one in found if urlsplit(one).netloc == urlsplit(page.url).netloc]
    return [one.partition(urlsplit(one).netloc)[2] for one in ours]


async def some_of_everything(network: Network) -> None:
    """Somebody who is red and referred, somebody whose medicine ends, a draft, a place that is closed."""
    red = await network.enrol()
    await network.enrol(identifier="A-2", name="Zhang Weiming", phone="+8613812345679")
    await network.move_to(DUE)
    await network.post(f"/patients/{red}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    await network.post(f"/tasks/{red}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    await network.post("/closures", {"place": "centre-1", "first": "2025-05-10", "last": "2025-05-12"}, "administrator")
    await drafted(network)


async def test_every_page_is_legible_in_the_dark_and_fits_in_two_languages(network: Network, browser: Browsing) -> None:
    await some_of_everything(network)
    page = await browser.person(theme="dark")
    known: set[str] = set()
    for reader in READERS:
        await page.goto(f"/?key={reader}")
        waiting = [*await links(page), "/me"]
        while waiting:
            path = waiting.pop(0)
            address = urlsplit(path).path
            if shape(address) in known or address.startswith(NOT_FOLLOWED) or address.endswith(FILES):
                continue
            known.add(shape(address))
            language = LANGUAGES[len(known) % 2]
            await page.context.add_cookies([{"name": "cairn_language", "value": language, "url": browser.url}])
            answer = await page.goto(path)
            assert answer is not None
            assert answer.status == 200, f"{reader} at {path}"
            await fits(page)
            await judged(page, COLOURS)
            await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
            await fits(page)
            await page.set_viewport_size(DESK)  # type: ignore[arg-type]
            waiting += await links(page)
    assert len(known) > 50, sorted(known)
