"""Fills in every form that a walk found, one field hostile at a time, as the page gave it or as ``VALID`` has the rest.

Rule 1: every field is tried: what is typed, what is chosen, and what is hidden; only the token of the session is left alone.
Rule 2: whatever comes back is judged: a refusal with what was typed, a preview, the page that follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urljoin, urlsplit

import httpx

from tests.api.conftest import Network
from tests.console.probes import Field, Form, Probes
from tests.console.walking import OWN, Found, known_as, sign_in

MOST_PLACES = 6  # where one form is tried
ALL_AT_ONCE = "*"
NUMBERS = count(1)  # what may be taken once only
TYPED = ("text", "search", "textarea")
#: What a required field holds where its page leaves it empty, by its name.
VALID = {
    "name": "Somebody", "question": "Since when?", "report": "Seen.", "instructions": "As before.", "reason": "No bed.",
    "identifier": "F-{n}", "born": "1961-05-01", "phone": "+8613812345680", "sex": "female", "first": "2025-04-01",
    "last": "2025-04-02",
    "day": "2025-04-03", "until": "2025-04-04", "login": "zhou-{n}", "medicine": "x",
    "why": "It is agreed.", "note": "Later.",
    "url": "https://hospital.example/x", "jwks_url": "https://hospital.example/k", "issuer": "https://hospital.example",
    "number": "+8613812345681", "text": "Hello", "word": "One a day.", "days": "30", "evidence": "Signed.", "id": "place-{n}",
    "on_call_phone": "+8613800000002", "emergency_number": "120", "capacity": "20", "timezone": "Asia/Shanghai",
}  # fmt: skip
#: The same for the form of one address.
OF_FORM = {
    "/patients/new": {"condition": "hypertension", "care_team": "team-1", "language": "en", "sex": "female"},
    "/pathways/new": {"name": "chronic_pain"},
    "/admin/keys/new": {"role": "clinic", "place": "hospital-1"},
    "/admin/people/new": {"role": "clinic", "place": "hospital-1"},
    "/admin/connections/smart/new": {"role": "clinic", "place": "hospital-1", "scopes": "system/Task.rs"},
    "/admin/connections/hooks/new": {"role": "clinic", "place": "hospital-1"},
    "/admin/connections/pushes/new": {"place": "hospital-1", "kinds": "referral"},
    "/admin/closures/new": {"place": "hospital-2"},
    "/admin/stock": {"pharmacy": "pharmacy-1"},
}
#: Forms that others leave nothing for, and forms that end what others need, in the order in which they are sent.
FIRST = ("/me", "/reply", "/cancel", "/send-back", "what=refuse")
LAST = (
    "/drafts/* show",
    "clock",
    "/replace",
    "/revoke",
    "/delete",
    "/disable",
    "/close",
    "/life/",
    "/discard",
    "/take-back",
    "/back",
)
#: Forms that are not sent, by the beginning of their address, and why.
NOT_SENT = {
    "/admin/keys/key-": "the keys of those who read; the same forms are sent for another key",
    "/sign-out": "has no field but the session's token",
    "/session": "a window over every page; the same fields as in the sign-in page, which is tried by itself",
}


@dataclass
class Filling:
    """``tried``: fields by form; ``typed``: those that take text; ``taken``: those whose probe was not refused."""

    network: Network
    probes: Probes
    tried: dict[str, set[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    typed: set[str] = field(default_factory=set)
    _key: str = ""

    async def fill_all(self, found: Found) -> None:
        """Every form, as whoever sees it first; where it stands no more, as the next."""
        for known in sorted(found.forms, key=lambda one: (_lateness(one), found.forms[one][0][0], one)):
            if urlsplit(known.split()[1]).path.startswith(tuple(NOT_SENT)):
                continue
            for key, at in found.forms[known][:MOST_PLACES]:
                if await self.fill(known, key, at):
                    break

    async def fill(self, known: str, key: str, at: str) -> bool:
        """Field after field, while the form stands there; whether all that is typed was tried."""
        if key != self._key or not self.network.http.cookies.get("cairn_key"):
            await sign_in(self.network, key)
            self._key = key
        tried = self.tried.setdefault(known, set())
        form = await self._form(known, at)
        while form is not None:
            self.typed |= {f"{known} {one.name}" for one in form.fields if one.kind in TYPED}
            hostile = self._next(form, tried)
            if not hostile:
                break
            answer = await self._send(form, at, {one.name: self.probes.of(f"{known} {one.name}", one.most) for one in hostile})
            if answer.status_code >= 400:
                named = {one.name for one in hostile} & set(re.findall(r'id="e-([^"]+)"', answer.text))
                several = len(hostile) > 1 and hostile[0].name not in OWN
                tried |= named if several and named else {ALL_AT_ONCE} if several else {one.name for one in hostile}
            else:
                tried |= {one.name for one in hostile}
                if form.method == "post":
                    self.taken |= {f"{known} {one.name}" for one in hostile}
                    form = await self._form(known, at)
        return bool(tried) and all(one.removeprefix(f"{known} ") in tried for one in self.typed if one.startswith(f"{known} "))

    def _next(self, form: Form, tried: set[str]) -> list[Field]:
        """What is chosen or counted first, which is refused; then all that is typed, at once, then one by one; then the hidden."""
        left = sorted((one for one in form.fields if one.name != "csrf" and one.name not in tried), key=_turn)
        typed = [one for one in left if one.kind in TYPED]
        if left and left[0].name in OWN:
            return left
        at_once = len(typed) > 1 and ALL_AT_ONCE not in tried and left[:1] == typed[:1]
        return typed if at_once else left[:1]

    async def _form(self, known: str, at: str) -> Form | None:
        page = self.probes.judge(await self.network.http.get(at, follow_redirects=True), at)
        return next((one for one in page.forms if known_as(one, at) == known), None)

    async def _send(self, form: Form, at: str, hostile: dict[str, str]) -> httpx.Response:
        """What came of sending it; scripts send the same fields to other addresses before."""
        sent = values(form, at) | hostile
        for method, also in dict.fromkeys(form.also):
            self._judge(await self._request(method, urljoin(at, also), sent, {"HX-Request": "true"}), also)
        answer = await self._request(form.method, urljoin(at, form.action), sent, {})
        self._judge(answer, form.action)
        if answer.status_code in (302, 303):
            there = urljoin(at, answer.headers["location"])
            if urlsplit(there)[:2] == urlsplit(at)[:2]:
                self._judge(await self.network.http.get(there, follow_redirects=True), there)
            else:
                self.probes.wrong.append(f"{form.action} leads to {there}")
        return answer

    async def _request(self, method: str, address: str, sent: dict[str, str], headers: dict[str, str]) -> httpx.Response:
        if method == "get":
            return await self.network.http.get(address, params=sent, headers=headers, follow_redirects=True)
        files = {name: ("x.csv", roster(sent.pop(name)).encode()) for name in ("file",) if name in sent}
        return await self.network.http.post(address, data=sent, headers=headers, files=files or None)

    def _judge(self, answer: httpx.Response, where: str) -> None:
        self.probes.judge(answer, f"{answer.request.method} {where}")


def roster(probe: str) -> str:
    """A list of people: one who is enrolled, one who is not, a column that nobody knows."""
    quoted = '"' + probe.replace('"', '""') + '"'
    return f"""identifier,name,born,phone,conditions,care_team,{quoted}
R-1,{quoted},1950-01-01,13812340001,hypertension,team-1,{quoted}
R-2,{quoted},{quoted},{quoted},{quoted},{quoted},{quoted}
"""


def values(form: Form, at: str) -> dict[str, str]:
    """What a browser would send, with VALID where something is to be typed."""
    sent: dict[str, str] = {}
    own = OF_FORM.get(urlsplit(urljoin(at, form.action)).path, {})
    valid = VALID | own
    for one in form.fields:
        if one.kind in ("select", "radio"):
            sent[one.name] = one.value or next((value for value in one.values if value), "")
        elif one.kind in ("checkbox", "submit"):
            if one.value or one.kind == "submit":
                sent[one.name] = one.value or one.values[0]
        elif one.kind == "hidden":
            sent[one.name] = one.value
        else:
            sent[one.name] = one.value.strip() or valid.get(one.name, "").format(n=next(NUMBERS))
    return sent | own


def _turn(one: Field) -> int:
    if one.name in OWN:
        return 3
    return 1 if one.kind in TYPED else 2 if one.kind in ("hidden", "checkbox", "submit") else 0


def _lateness(known: str) -> int:
    if any(part in known for part in FIRST):
        return -1
    return next((n + 1 for n, part in enumerate(LAST) if part in known), 0)
