"""What a patient, a clinic, a pharmacy or a coordinator writes is shown as they wrote it, on every page that anybody may open.

Nothing here lists what is tried: forms are found by walking, fields of the API in its own description.
``excused`` lists what is left out, with the reason.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

import httpx
import pytest
from playwright.async_api import expect

from tests.api.conftest import Network
from tests.console.browsing import Browsing
from tests.console.excused import FORMS, NOT_SHOWN, TAKES_NONE
from tests.console.filling import NOT_SENT, Filling
from tests.console.hostile_api import Api
from tests.console.hostile_network import Hostile
from tests.console.probes import Probes
from tests.console.walking import READERS, SOMEBODY, Found, everybody_is_there

#: What a probe would have left: what its script sets, and elements that it names.
RAN = """() => [...document.querySelectorAll("i[id^=x0], img[src=x]")].map((one) => one.outerHTML)
    .concat(typeof ran === "undefined" ? [] : ["it ran"])"""


@pytest.mark.timeout(240)
async def test_whatever_is_written_into_any_field_is_shown_as_it_was_written_and_runs_nowhere(network: Network) -> None:
    assert everybody_is_there()
    hostile = Hostile(network)
    await hostile.begin()
    probes = hostile.probes
    before, after = Found(probes), Found(probes)
    for key in (*READERS, SOMEBODY):
        await before.walk(network, key, also=hostile.pages_of(key))
    filling = Filling(network, probes)
    await filling.fill_all(before)
    for key in READERS:
        await after.walk(network, key, also=hostile.pages_of(key, everybody=True))
    assert probes.wrong == [], "\n".join(probes.wrong)
    assert (nowhere := before.broken + after.broken) == [], "a link leads nowhere: " + "\n".join(nowhere)
    assert (silent := left_out_of(filling, before)) == [], "\n".join(silent)
    assert (silent := left_out_of_the_api(hostile.api)) == [], "\n".join(silent)
    written = (
        (filling.taken & filling.typed) | hostile.api.taken | {one for one in probes.fields if one.startswith(("SMS", "pathway "))}
    )
    unseen = [one for one in sorted(written - probes.shown) if not excused(one, NOT_SHOWN)]
    assert unseen == [], "nobody ever sees: " + "\n".join(unseen)


@pytest.mark.parametrize(
    "around",
    [
        "<p>{}</p>",
        '<input value="{}">',
        "<input value='{}'>",
        "<a href={}>x</a>",
        "<textarea>{}</textarea>",
        "<script>x = '{}'</script>",
    ],
)
def test_a_probe_that_gets_through_is_noticed_wherever_it_stands(around: str) -> None:
    for written, faults in ((lambda probe: probe, True), (html.escape, around.startswith(("<script", "<a")))):
        probes = Probes()
        head = {"content-type": "text/html", "content-security-policy": "default-src 'none'", "x-content-type-options": "nosniff"}
        probes.judge(httpx.Response(200, headers=head, text=around.format(written(probes.of("name", 40)))), "here")
        assert probes.shown == {"name"}
        assert bool(probes.wrong) is faults, probes.wrong
    probes.judge(httpx.Response(200, headers=head, text="x0000z 829921"), "here")
    assert "here: a template was carried out" in probes.wrong


async def test_no_script_of_ours_makes_markup_of_what_somebody_wrote(network: Network, browser: Browsing) -> None:
    hostile = Hostile(network)
    await hostile.begin()
    person = f"/patients/{hostile.people['days']}"
    drafts = (await network.get("/pathways/hypertension/drafts", "coordinator")).json()["items"]
    draft = f"/pathways/hypertension/drafts/{drafts[0]['id']}"
    tabs = ("calendar", "map", "tables", "messages", "scenarios")
    opened = {
        "manager": [
            "/today",
            "/today?show=answers",
            person,
            f"{person}/timeline",
            f"{person}/visit",
            f"{person}/call",
            "/patients",
        ],
        "coordinator": [
            *(f"{draft}?show={tab}" for tab in tabs),
            f"/pathways/hypertension/compare?to={drafts[0]['id']}",
            "/pathways/hypertension?show=history",
            "/pathways/hypertension/rollouts",
            f"{draft}/publish",
            "/admin/stock",
        ],
        "hospital-1": ["/inbox", *hostile.pages_of("hospital-1")[:3]],
        "pharmacy-1": ["/inbox", *hostile.pages_of("pharmacy-1")[:2]],
        "administrator": ["/phones", "/admin/people", "/admin/places", "/admin/keys", "/admin/connections"],
        "auditor": ["/admin/audit"],
    }
    for key, addresses in opened.items():
        page, shown = await browser.person(key), 0
        for address in addresses:
            await page.goto(address)
            await page.mouse.wheel(0, 20_000)
            await expect(page.locator(".htmx-request")).to_have_count(0)
            assert await page.evaluate(RAN) == [], f"{key} at {address}"
            shown += "<i id=x0" in await page.locator("body").inner_text()
        assert shown, f"{key} has seen no probe"
        if key == "manager":
            await page.goto("/today?show=team")
            await page.locator("[data-dialog]").first.click()
            await expect(page.locator("dialog[open]")).to_be_visible()
            assert await page.evaluate(RAN) == []


def left_out_of(filling: Filling, found: Found) -> list[str]:
    """Forms that were found and not sent, and those that text is typed into and that never took a probe."""
    forms = [one for one in found.forms if not one.split()[1].startswith(tuple(NOT_SENT)) and not one.startswith(tuple(FORMS))]
    silent = [one for one in forms if not filling.tried.get(one)]
    for one in forms:
        typed = {name for name in filling.typed if name.startswith(f"{one} ")}
        if one.startswith("post") and typed and not typed & filling.taken:
            silent.append(f"{one} took nothing")
    return silent


def left_out_of_the_api(api: Api) -> list[str]:
    """Texts of the description that were not tried, or that took no probe."""
    document = api.described()
    all_of_it = {f"{method} {path}" for method, path in document}
    silent = sorted(all_of_it - api.calls)
    return silent + [one for one in sorted(api.refused - api.taken) if not excused(one, TAKES_NONE)]


def excused(field: str, reasons: Iterable[str]) -> bool:
    """Whether a reason is given for the field, by its name alone or with what it belongs to."""
    return any(field == one or field.endswith(f" {one}") or field.startswith(f"{one} ") for one in reasons)
