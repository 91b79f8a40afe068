"""What a patient, a clinic, a pharmacy or a coordinator writes is shown as they wrote it, on every page that anybody may open."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
from playwright.async_api import expect

from activities.channels.port import InboundSms
from pathways.shipped import LIBRARY
from records.figures import TeamFigures, keep
from records.tables import CareTeam, Organisation
from tests.api.conftest import EMERGENCY, KEYS, Network
from tests.console.browsing import Browsing

PROBE = "<xss-probe id=x><img src=x onerror=\"document.title='ran'\"></xss-probe>'\"><script>document.title='ran'</script>"
TEMPLATE = "{{ 'car' ~ 'ried' ~ 'out' }}${'car'+'ried'+'out'}{% raise %}<%= 'car'+'ried'+'out' %>"
RAN = "carriedout"  # what the template would come to: letters that no id and no token of ours can hold by chance
MOST = 90  # pages of one reader
OF_A_SHAPE = 2  # pages of one kind that one reader opens
#: One of each role; two teams, hospitals or pharmacies see the same pages.
READERS = ("administrator", "coordinator", "manager", "doctor", "hospital-1", "pharmacy-1")
READERS += ("gateway", "approver", "supervisor", "auditor")
#: Addresses that end a session or change how everything is read: a link there is not followed.
NOT_FOLLOWED = ("/sign-out", "/reading", "/static/", "/openapi.json", "/auth/", "/docs")


class Page(HTMLParser):
    """The links of a page, its elements that a probe would make, and attributes that run."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag == "a" and name == "href" and value:
                self.links.append(value)
            if (
                name.startswith("on")
                or name == "style"
                or (name in ("href", "src", "action") and (value or "").startswith("javascript:"))
            ):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if tag in ("xss-probe", "img", "iframe", "object", "embed", "base"):
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not dict(attrs).get("src") and dict(attrs).get("type") != "application/json":
            self.wrong.append("<script> within the page")


async def write_everywhere(network: Network) -> str:
    """Every field that somebody outside or inside can fill holds a probe; the id of a patient to whom much of it happened."""
    hostile = PROBE + TEMPLATE
    patient = await network.enrol(name=hostile[:180], carer_phone="+8613812345699")
    emergency = await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    assert emergency.status_code in (200, 201), emergency.text
    for task in (await network.get("/tasks")).json()["items"]:
        later = {"key": task["key"], "until": "2025-03-05", "reason": "other", "note": hostile[:500]}
        done = {"key": task["key"], "outcome": "approved"}
        if task["kind"] == "confirm_referral":
            assert (await network.post(f"/tasks/{patient}/complete", done, "doctor")).status_code == 200
        else:
            assert (await network.post(f"/tasks/{patient}/postpone", later)).status_code == 200
    for referral in (await network.get("/referrals", "hospital-1")).json()["items"]:
        at = f"/referrals/{referral['id']}"
        await network.post(f"{at}/receive", {}, "hospital-1")
        await network.post(f"{at}/ask-more", {"question": hostile}, "hospital-1")
        await network.post(f"{at}/reply", {"text": hostile}, "manager")
    await network.parts.inbox.take(InboundSms("provider-1", "+8613812345678", "12345", hostile))
    text = (LIBRARY / "hypertension.yaml").read_text("utf-8")
    for plain in ("en: Hypertension", "en: systolic pressure"):
        text = text.replace(plain, f"en: {json.dumps(hostile)}")
    signed = {"Authorization": "Bearer coordinator", "Content-Type": "application/yaml"}
    made = await network.http.post("/api/v1/pathways/hypertension/drafts", params={"why": hostile}, content=text, headers=signed)
    assert made.status_code == 201, made.text
    async with network.parts.database.begin() as session:
        (await session.get_one(CareTeam, "team-1")).name = hostile[:100]
        (await session.get_one(Organisation, "hospital-1")).name = hostile[:100]
    await network.http.put(
        "/api/v1/holidays/CN/2025-03-05", json={"name": hostile[:100]}, headers={"Authorization": "Bearer coordinator"}
    )
    async with network.parts.database.begin() as session:
        moment = await network.parts.clock.now(session)
        await keep(session, await TeamFigures(session, moment).make(), now=moment)
    return patient


async def walk(network: Network, key: str) -> tuple[set[str], list[str]]:
    """Every page that can be reached by links, breadth first: their addresses, and what is wrong with them."""
    network.http.cookies.clear()
    answer = await network.http.get("/", params={"key": key}, follow_redirects=True)
    waiting, seen, wrong = [str(answer.url)], set[str](), list[str]()
    shapes: dict[str, int] = {}
    while waiting and len(seen) < MOST:
        url = waiting.pop(0)
        path = urlsplit(url).path
        shape = re.sub(r"/[0-9a-f]{8,}[^/]*", "/*", path)
        if url in seen or shapes.get(shape, 0) >= OF_A_SHAPE or path.startswith(NOT_FOLLOWED):
            continue
        seen.add(url)
        shapes[shape] = shapes.get(shape, 0) + 1
        answer = await network.http.get(url, follow_redirects=True)
        where = f"{key} at {url}"
        if answer.status_code != 200:
            wrong.append(f"{where}: {answer.status_code}")
            continue
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        wrong += said_wrong(answer, where)
        page = Page()
        page.feed(answer.text)
        wrong += [f"{where}: {one}" for one in page.wrong]
        for link in page.links:
            there = urldefrag(urljoin(url, link))[0]
            if urlsplit(there).netloc == urlsplit(url).netloc:
                waiting.append(there)
    return seen, wrong


def said_wrong(answer: httpx.Response, where: str) -> list[str]:
    """What the answer itself lets in."""
    policy = answer.headers.get("content-security-policy", "")
    wrong = [] if "default-src 'none'" in policy and "unsafe" not in policy else [f"{where}: policy {policy!r}"]
    if RAN in answer.text:
        wrong.append(f"{where}: a template was carried out")
    return wrong


async def test_no_page_runs_what_somebody_wrote_and_no_link_leads_nowhere(network: Network) -> None:
    patient = await write_everywhere(network)
    found: dict[str, set[str]] = {}
    wrong: list[str] = []
    assert {KEYS[key][0] for key in READERS} == {role for role, _ in KEYS.values()}
    for key in READERS:
        pages, faults = await walk(network, key)
        found[key] = pages
        wrong += faults
    assert wrong == []
    assert any(patient in page for page in found["manager"])
    assert len(found["coordinator"]) > 10


async def test_no_script_of_ours_makes_markup_of_what_somebody_wrote(network: Network, browser: Browsing) -> None:
    patient = await write_everywhere(network)
    coordinator = await browser.person("coordinator")
    addresses = [f"/patients/{patient}", "/patients", "/today"]
    drafts = (await network.get("/pathways/hypertension/drafts", "coordinator")).json()["items"]
    addresses += [f"/pathways/hypertension/drafts/{one['id']}" for one in drafts[:1]]
    for address in addresses:
        await coordinator.goto(address)
        await coordinator.mouse.wheel(0, 20_000)
        await expect(coordinator.locator(".htmx-request")).to_have_count(0)
        assert await coordinator.locator("xss-probe").count() == 0, address
        assert await coordinator.title() != "ran", address
