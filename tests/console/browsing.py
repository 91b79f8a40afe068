"""A real browser on our pages: Chromium by Playwright, over a network that is served on loopback.

Rule 1: whatever a page says into the browser's console fails the test, and so does a request that leaves the loopback.
Rule 2: nothing waits for a time: only for what is on the page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Error, Page, async_playwright, expect

AXE = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
HOW = {
    "chromium": "Chromium is not here: apt-get install chromium-headless-shell (or chromium), or set CAIRN_CHROMIUM to its path",
    "axe": "axe-core is not here: npm ci --ignore-scripts --prefix tests/node",
}
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1360, "height": 900}
#: Of Chromium's own work only what a page needs. Of its lists of features the last one counts: it holds what is of use in
#: Playwright's, and the lists below the address bar, which are two pages of Chromium's own in every context, a quarter of a second.
PLAIN = (
    "--disable-gpu",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,AimEnabled,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,NetworkTimeServiceQuerying,"
    "OptimizationHints,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning",
)
#: What axe-core judges by, and of it what is a matter of colour alone.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "link-in-text-block")
#: What it says of every sign-out, now or a little later.
HARMLESS = ("Clear-Site-Data", "Cleared data types")

expect.set_options(timeout=15_000)


def chromium() -> str:
    """Where Chromium is; rather the one that has no windows, a sixth cheaper. Skips the test where it is not; fails it in CI."""
    found = (
        os.environ.get("CAIRN_CHROMIUM")
        or shutil.which("chromium-headless-shell")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    return found or missing("chromium")


def missing(what: str) -> str:
    """Skips the test and says how to get it; in CI everything is there, or the run fails."""
    if os.environ.get("CI"):
        pytest.fail(HOW[what])
    pytest.skip(HOW[what])


@dataclass
class Browsing:
    """Browsers of several people on one site. ``said``: what their pages said into the console, and requests that failed."""

    url: str
    browser: Browser
    said: list[str] = field(default_factory=list)
    _forgiven: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def person(
        self, key: str = "", *, viewport: dict[str, int] | None = None, language: str = "en", theme: str = "light", **options: Any
    ) -> Page:
        """A browser of somebody's own, signed in with ``key``, on their first page."""
        context = await self.browser.new_context(
            viewport=viewport or DESK, locale=language, color_scheme=theme, reduced_motion="reduce", base_url=self.url, **options
        )
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        await context.add_cookies([{"name": "cairn_language", "value": language, "url": self.url}])
        page = await context.new_page()
        self.listen(page)
        if key:
            await page.goto(f"/?key={key}")
        return page

    def listen(self, page: Page) -> None:
        """From now on, what the page says is remembered."""
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text} at {page.url}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error} at {page.url}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((self.url, "data:", "blob:")) else self.said.append(f"left: {request.url}")
            ),
        )

    def forgive(self, part: str) -> None:
        """What holds ``part`` is expected: the browser itself says into the console that an answer was 401, 422 or never came.

        At the end: it may say so later than the page shows it.
        """
        self._forgiven.append(part)

    def judge(self) -> None:
        """Nothing was said but what is forgiven, and that was said. Whoever comes next begins anew."""
        said, self.said[:] = list(self.said), []
        forgiven, self._forgiven[:] = list(self._forgiven), []
        left = [one for one in said if not any(part in one for part in (*forgiven, *HARMLESS))]
        assert left == [], "\n".join(left)
        for part in forgiven:
            assert any(part in one for one in said), f"nothing was said that holds {part!r}: {said}"

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        self._contexts.clear()


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Chromium, until the end."""
    where = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=where, args=list(PLAIN))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def browsing(url: str, browser: Browser | None = None) -> AsyncIterator[Browsing]:
    """Browsers on ``url``, until the end; then nothing may have been said into a console. ``browser``: one that runs already."""
    async with AsyncExitStack() as stack:
        it = Browsing(url, browser or await stack.enter_async_context(launched()))
        try:
            yield it
            it.judge()
        finally:
            await it.close()


async def accessible(page: Page, *, leave: tuple[str, ...] = ()) -> None:
    """Nothing on the page breaks a rule of WCAG 2.2 AA that axe-core knows. ``leave``: rules, with the reason beside the call.

    A page that draws itself anew meanwhile is looked at as it is then.
    """
    await judged(page, TAGS, leave)


async def legible_in_both(page: Page) -> None:
    """``accessible``, and in the dark all that is a matter of colour besides: nothing else differs between the themes."""
    await accessible(page)
    await page.emulate_media(color_scheme="dark")
    await judged(page, COLOURS)
    await page.emulate_media(color_scheme="light")


async def judged(page: Page, only: tuple[str, ...], leave: tuple[str, ...] = ()) -> None:
    """Nothing on the page breaks what ``only`` names: axe-core's tags or rules, but ``leave``."""
    if not AXE.exists():
        missing("axe")
    for again in (True, True, False):
        try:
            found = await _broken(page, only, leave)
        except Error as moved:
            if not again or "context was destroyed" not in str(moved):
                raise
            await page.wait_for_load_state()
        else:
            break
    assert found == [], f"{page.url}: " + "\n".join(found)


async def _broken(page: Page, only: tuple[str, ...], leave: tuple[str, ...]) -> list[str]:
    if not await page.evaluate("'axe' in window"):  # half a megabyte, once a page
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(
        """async ([only, leave]) => {
            const rules = Object.fromEntries(leave.map((rule) => [rule, {enabled: false}]));
            const {violations} = await window.axe.run(document, {runOnly: only, rules, resultTypes: ["violations"]});
            const told = (node) => node.html.slice(0, 160) + " " + (node.any[0]?.message ?? "");
            const where = (one) => one.nodes.slice(0, 3).map(told).join(" | ");
            return violations.map((one) => `${one.id}: ${one.help}: ${where(one)}`);
        }""",
        [list(only), list(leave)],
    )
    return found


async def seen(page: Page, name: str) -> None:
    """Pictures of the page in both themes into the folder CAIRN_SCREENS, where it is set: somebody looks at them."""
    folder = os.environ.get("CAIRN_SCREENS")
    if not folder:
        return
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        await page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page=True)
    await page.emulate_media(color_scheme="light")


async def fits(page: Page) -> None:
    """Nothing sticks out to the side."""
    wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{page.url} is {wider} pixels too wide"
