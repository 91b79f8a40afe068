"""Walks the console as each role: every page, part, print and spreadsheet that links and scripts lead to, and all their forms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

from tests.api.conftest import KEYS, Network
from tests.console.probes import Form, Probes

#: One of each role; two teams, hospitals or pharmacies see the same pages.
READERS = (
    "coordinator",
    "manager",
    "doctor",
    "hospital-1",
    "pharmacy-1",
    "administrator",
    "gateway",
    "approver",
    "supervisor",
    "auditor",
)
#: Somebody with an account, who has a page of their own.
SOMEBODY, PASSWORD = "zhou", "four words nobody guesses"
#: What ends a session, changes how everything is read, streams without end, or is no page of ours.
NOT_FOLLOWED = ("/sign-out", "/reading", "/static/", "/openapi.json", "/auth/", "/docs", "/today/changes", "/session")
MOST = 300  # addresses of one reader
#: Pages of which each record has others: a stage has forms of its own.
EACH = ("/inbox/referrals/*", "/inbox/refills/*", "/today/tasks/*")
TABS = ("show", "heap")  # what a page is read by: each is another page
OWN = ("csrf", "once", "read")


def shape(address: str) -> str:
    """The address without what differs from one record to another: its ids, its days, and the values of its query."""
    at = urlsplit(address)
    path = re.sub(r"/((?=[^/]*\d)[0-9A-Za-z._-]{8,}|(team|centre|hospital|pharmacy)-[^/]+|network)(?=/|$)", "/*", at.path)
    asked = "&".join(
        sorted({f"{name}={said}" if name in TABS else name for name, said in parse_qsl(at.query, keep_blank_values=True)})
    )
    return f"{path}?{asked}" if asked else path


def known_as(form: Form, at: str) -> str:
    """What tells this form from others, wherever it stands."""
    says = [f"{one.name}={one.value}" for one in form.fields if one.kind == "hidden" and re.fullmatch("[a-z_-]{2,30}", one.value)]
    names = sorted({one.name for one in form.fields if one.name not in OWN})
    return f"{form.method} {shape(urljoin(at, form.action))} {' '.join(says)} ({', '.join(names)})"


@dataclass
class Found:
    """``forms``: by what they are known as, who sees each, and where it stands; a few of many."""

    probes: Probes
    seen: dict[str, set[str]] = field(default_factory=dict)
    forms: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    async def walk(self, network: Network, key: str, *, also: Iterable[str] = (), of_a_shape: int = 1) -> None:
        """Every address that this reader comes to, breadth first, after ``also``. A link to nowhere is ``broken``."""
        await sign_in(network, key)
        waiting = [(f"http://cairn.test{path}", False) for path in (*also, "/", "/me")]
        asked_for = {address for address, _ in waiting}
        shapes: dict[str, int] = {}
        seen = self.seen.setdefault(key, set())
        while waiting and len(seen) < MOST:
            address, part = waiting.pop(0)
            known = shape(address)
            most = 12 if known.startswith(EACH) else of_a_shape
            enough = shapes.get(known, 0) >= most and address not in asked_for
            if address in seen or enough or urlsplit(address).path.startswith(NOT_FOLLOWED):
                continue
            seen.add(address)
            shapes[known] = shapes.get(known, 0) + 1
            answer = await network.http.get(address, headers={"HX-Request": "true"} if part else {}, follow_redirects=True)
            page = self.probes.judge(answer, f"{key} at {address}")
            if address not in asked_for and answer.status_code not in ((200, 204, 422) if part else (200,)):
                self.broken.append(f"{key} at {address}: {answer.status_code}")
            at = str(answer.url)
            for form in page.forms:
                self.forms.setdefault(known_as(form, at), []).append((key, at))
            for links, are_parts in ((page.links, False), (page.parts, True)):
                there = [urldefrag(urljoin(at, link))[0] for link in links]
                waiting += [(one, are_parts) for one in there if urlsplit(one).netloc == urlsplit(at).netloc]


async def sign_in(network: Network, key: str) -> None:
    """As somebody with this key; whoever was there before is gone."""
    network.http.cookies.clear()
    if key == SOMEBODY:
        await network.http.post("/sign-in", data={"login": key, "password": PASSWORD})
    else:
        await network.http.get("/", params={"key": key})


def everybody_is_there() -> bool:
    """Whether READERS has one of each role."""
    return {KEYS[key][0] for key in READERS} == {role for role, _ in KEYS.values()}
