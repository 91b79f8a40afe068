"""A network where everybody writes probes: into people, visits, tasks, referrals, refills, pathways, texts, places and accounts.

It is left in the middle of everything: there is a referral and a refill of each stage, drafts, and a rollout with people to be
decided on, so that every page has something to show and every form somebody to be filled in for.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from activities.channels.port import InboundSms
from activities.looking_ahead import LookingAhead
from activities.rollouts import RolloutActivities
from pathways.language import library
from records.figures import TeamFigures, keep
from tests.api.conftest import EMERGENCY, WANG, WELL, Network
from tests.api.test_matrix import _bodies
from tests.console.hostile_api import Api
from tests.console.hostile_fhir import record_systems
from tests.console.probes import Probes
from tests.console.walking import PASSWORD, SOMEBODY
from workflows.contract import RollOn

SHIPPED = library()["hypertension"].document
assert SHIPPED is not None
TEXT = SHIPPED.text
RENAMED = TEXT.replace("  annual_exam:", "  yearly_check:")
DUE = "2025-03-16T02:00:00Z"  # six days before the medicine ends
AT = "/pathways/hypertension"
YAML = {"Authorization": "Bearer coordinator", "Content-Type": "application/yaml", "If-Match": "*"}


@dataclass
class Hostile:
    """``people``: ids by what happened to them; ``requests``: pages of referrals, of refills, and of a task that was put off."""

    network: Network
    probes: Probes = field(default_factory=Probes)
    people: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    version: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api = Api(self.network, self.probes)

    async def begin(self) -> None:
        """All of it, in the order in which it can happen."""
        await self.places()
        await self.systems()
        for what in ("undecided", "decided", "asked_more"):
            await self.enrol(what)
        await self.pathway()
        await self.refills()
        await self.referrals()
        await self.days()
        await self.texts()
        about = {"name": "hypertension", "version": self.version, "place_id": "hospital-2", "team_id": "team-2", "calendar": "CN"}
        about |= {"patient_id": self.people["asked_more"], "event_id": "enrolled", "day": "2025-10-01"}
        await self.api.tell_the_rest(_bodies(self.network), **about, **self.ids)
        await self.count()

    async def enrol(self, what: str, **person: Any) -> str:
        """Somebody with a name of their own who is known by ``what`` happens to them."""
        n = len(self.people)
        body = {**WANG, "language": "en", **person, "identifier": f"H-{n}", "phone": f"+86138123456{n:02}"}
        made = await self.api.tell("POST", "/patients", body, only=("name", "carer_name"))
        self.people[what] = str(made["patient_id"])
        return self.people[what]

    async def places(self) -> None:
        """Names and addresses of a hospital, a pharmacy and a care team."""
        for place in ("hospital-1", "pharmacy-1"):
            body = {"name": place, "parent": "network", "rank": 2, "address": "x", "phone": "+86 10 1234"}
            await self.api.tell("PUT", "/places/{place_id}", body, "administrator", place_id=place)
        body = {"name": "Team", "organisation": "centre-1", "capacity": 20, "timezone": "Asia/Shanghai"}
        told = {"on_call_phone": "+8613800000002", "emergency_number": "120"}
        await self.api.tell("PUT", "/teams/{team_id}", body | told, "administrator", team_id="team-1")
        shut = {"place": "hospital-2", "first": "2031-01-01", "last": "2031-01-02"}
        self.ids["closure_id"] = (await self.api.tell("POST", "/closures", shut, "administrator"))["id"]
        self.ids["hold_id"] = (await self.api.tell("POST", "/holds", {**shut, "action": "hold"}, "coordinator"))["id"]
        await self.api.tell("PUT", "/holidays/{calendar}/{day}", {"name": "x"}, "coordinator", calendar="CN", day="2025-03-05")
        await self.api.tell(
            "PUT", "/stock", {"pharmacy": "pharmacy-1", "items": [{"medicine": "x", "available": False}]}, "coordinator"
        )

    async def systems(self) -> None:
        """Somebody with an account, a tool with a key, record systems, an address that is pushed to."""
        place = {"role": "clinic", "place": "hospital-1"}
        body = {"login": SOMEBODY, "name": "x", "role": "supervisor", "place": "network", "password": PASSWORD}
        made = await self.api.tell("POST", "/accounts", body, "administrator", only=("name", "place", "role"))
        self.ids["account_id"] = made["id"]
        about = {"issuer": "https://sign-in.example", "subject": "x"}
        await self.api.tell("POST", "/accounts/{account_id}/subjects", about, "administrator", account_id=made["id"])
        await self.api.tell("POST", "/keys", {"name": "x", **place}, "administrator")
        system = {"name": "x", **place, "scopes": ["system/Task.rs"], "jwks_url": "https://h.example/k"}
        self.ids["smart_client_id"] = (await self.api.tell("POST", "/smart-clients", system, "administrator"))["id"]
        asks = {"name": "x", **place, "issuer": "https://h.example", "jwks_url": "https://h.example/k"}
        await self.api.tell("POST", "/hook-clients", asks, "administrator")
        advice = {"network": "network", "name": "x", "url": "https://x.example"}
        self.ids["advice_id"] = (await self.api.tell("POST", "/advice-services", advice, "administrator"))["id"]
        self.ids["webhook_id"] = (await self.api.tell("POST", "/webhooks", {"url": "https://hospital.example/x"}, "hospital-1"))[
            "id"
        ]

    async def pathway(self) -> None:
        """A draft that is sent back and approved, published and rolled out: who has a check that is gone is to be decided on."""
        text = hostile_text(self.probes, RENAMED)
        why = self.probes.of("POST /pathways/{name}/drafts why", 2000)
        made = await self.network.http.post(f"/api/v1{AT}/drafts", params={"why": why}, content=text.encode(), headers=YAML)
        assert made.status_code == 201, made.text
        draft = made.json()["id"]
        asks = [("check", "coordinator"), ("ask-approval", "coordinator"), ("send-back", "approver"), ("check", "coordinator")]
        for step, key in (*asks, ("ask-approval", "coordinator"), ("approve", "approver"), ("publish", "coordinator")):
            if step == "check":
                checked = await self.network.post(f"/drafts/{draft}/check", key="coordinator")
                assert checked.json()["clean"], checked.text
            else:
                await self.api.tell("POST", f"/drafts/{{draft_id}}/{step}", {"why": "x"}, key, draft_id=draft)
        self.version = (await self.network.get(AT, "coordinator")).headers["etag"].strip('"')
        ids = {"name": "hypertension", "version": self.version}
        begun = {"why": "x", "policy": "now"}
        rollout = await self.api.tell("POST", "/pathways/{name}/versions/{version}/rollouts", begun, "coordinator", **ids)
        for step in ("pause", "resume"):
            await self.api.tell("POST", f"/rollouts/{{rollout_id}}/{step}", {"why": "x"}, "coordinator", rollout_id=rollout["id"])
        parts = self.network.parts
        rolls = RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, self.network.waker)
        while not (rolled := await rolls.roll_on(RollOn(rollout["id"]))).over and rolled.summary != "sms_limit":
            pass
        moves = {"decision": "move", "why": "replaced", "services": {"annual_exam": "yearly_check"}}
        ids = {"rollout_id": rollout["id"], "patient_id": self.people["decided"]}
        await self.api.tell("POST", "/rollouts/{rollout_id}/patients/{patient_id}", moves, "coordinator", **ids)
        for last in ("ask-approval", "send-back", "approve"):  # and these stay as they are
            made = await self.network.http.post(f"/api/v1{AT}/drafts", params={"why": why}, content=text.encode(), headers=YAML)
            draft = made.json()["id"]
            await self.network.post(f"/drafts/{draft}/check", key="coordinator")
            for step, key in (("ask-approval", "coordinator"), (last, "approver"))[: 1 if last == "ask-approval" else 2]:
                await self.api.tell("POST", f"/drafts/{{draft_id}}/{step}", {"why": "x"}, key, draft_id=draft)

    async def refills(self) -> None:
        """One of each stage."""
        stages = ("asked", "ready", "proposed", "not_instead", "not_given", "brought", "lacking", "by_word")
        for stage in stages:
            await self.enrol(f"refill {stage}")
        await self.network.move_to(DUE)
        refills = {
            stage: (await self.network.get("/refills", "pharmacy-1", open=True, patient=self.people[f"refill {stage}"])).json()
            for stage in stages
        }
        ids = {stage: {"refill_id": found["items"][0]["id"]} for stage, found in refills.items()}
        self.requests += [f"/inbox/refills/{one['refill_id']}" for one in ids.values()]
        at = "/refills/{refill_id}"
        for stage in ("ready", "brought", "by_word"):
            await self.api.tell("POST", f"{at}/ready", {}, "pharmacy-1", **ids[stage])
        for stage in ("proposed", "not_instead"):
            other = {"medicine": "felodipine", "word": "x"}
            await self.api.tell("POST", f"{at}/propose-substitute", other, "pharmacy-1", **ids[stage])
        await self.api.tell("POST", f"{at}/refuse-substitute", {"reason": "x"}, "doctor", **ids["not_instead"])
        await self.api.tell("POST", f"{at}/refuse", {"reason": "x"}, "pharmacy-1", **ids["not_given"])
        await self.api.tell("POST", f"{at}/out-of-stock", {}, "pharmacy-1", **ids["lacking"])
        handed = {"days": 30, "delivered": {"received_by": "household", "evidence": "x"}}
        await self.api.tell("POST", f"{at}/dispense", handed, "pharmacy-1", **ids["brought"])
        known = {"days": 30, "without_code": "known_in_person", "word": "x"}
        await self.api.tell("POST", f"{at}/dispense", known, "pharmacy-1", **ids["by_word"])

    async def referrals(self) -> None:
        """One of each stage."""
        done: dict[str, list[tuple[str, dict[str, Any], str]]] = {
            "asked": [],
            "accepted": [("accept", {}, "hospital-1")],
            "questioned": [("ask-more", {"question": "x"}, "hospital-1")],
            "replied": [("ask-more", {"question": "x"}, "hospital-1"), ("reply", {"text": "x"}, "manager")],
            "refused": [("refuse", {"reason": "x"}, "hospital-1")],
            "cancelled": [("cancel", {"reason": "x"}, "manager")],
            "booked": [("accept", {}, "hospital-1"), ("book", {"day": "2025-03-20"}, "hospital-1")],
            "reported": [("accept", {}, "hospital-1"), ("complete", {"report": "x"}, "hospital-1")],
            "at the FHIR door": [],
            "rejected there": [],
            "sent_back": [("accept", {}, "hospital-1"), ("send-back", {"instructions": "x", "report": "x"}, "hospital-1")],
        }
        for stage, steps in done.items():
            patient = await self.enrol(f"referral {stage}", medicines=[], last_visit="2025-03-10")
            told = {"readings": {**WELL, "adr_hard_to_control": True}}
            await self.api.tell("POST", "/patients/{patient_id}/visits", told, patient_id=patient)
            listed = (await self.network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
            self.requests.append(f"/inbox/referrals/{listed[0]['id']}")
            for step, body, key in steps:
                at = f"/referrals/{{referral_id}}/{step}"
                await self.api.tell("POST", at, body, key, referral_id=listed[0]["id"])
        there = [self.people[f"referral {stage}"] for stage in ("at the FHIR door", "rejected there")]
        self.requests += await record_systems(self.network, self.api, *there)

    async def days(self) -> None:
        """Tasks that are put off, handed over and done; calls; readings in words; corrections; diagnoses."""
        patient = await self.enrol("days")
        await self.api.tell("POST", "/patients/{patient_id}/visits", {"readings": EMERGENCY}, patient_id=patient)
        await self.api.tell("POST", "/patients/{patient_id}/calls", {"outcome": "refused"}, patient_id=patient)
        for outcome in ("no_answer", "reached"):
            assert (await self.network.post(f"/patients/{patient}/calls", {"outcome": outcome})).status_code < 300
        words = {"readings": {"sbp": 150, "symptoms": ["eye_pain"]}, "source": "home"}
        await self.api.tell("POST", "/patients/{patient_id}/readings", words, patient_id=patient)
        await self.api.tell("POST", "/patients/{patient_id}/dispenses", {"medicine": "x", "days": 10}, patient_id=patient)
        all_told = {**WANG, "conditions": ["x", "hypertension"], "medicines": [{"name": "x"}]}
        self.people["everything"] = (await self.api.tell("POST", "/patients", all_told))["patient_id"]
        tasks = (await self.network.get("/tasks", "manager", limit=200)).json()["items"]
        late = {"until": "2025-03-25", "reason": "other", "note": "x"}
        first, second = [one for one in tasks if one["by"] == "health_manager" and one["patient"]["id"] != patient][:2]
        body, whose = {"key": first["key"], **late}, {"patient_id": first["patient"]["id"]}
        await self.api.tell("POST", "/tasks/{patient_id}/postpone", body, only=("note",), **whose)
        self.requests.append(f"/today/tasks/{first['patient']['id']}?key={quote(first['key'])}")
        body, whose = (
            {"key": second["key"], "to": "doctor", "note": "x", "reason": "other"},
            {"patient_id": second["patient"]["id"]},
        )
        await self.api.tell("POST", "/tasks/{patient_id}/hand-over", body, only=("note",), **whose)

    async def texts(self) -> None:
        """From somebody known, from nobody known, long, and like a word that is understood."""
        for n, (number, said) in enumerate(
            (("+8613812345600", ""), ("+8613899999999", ""), ("+8613812345601", "STOP "), ("+8613812345603", "2 "))
        ):
            probe = said + self.probes.of(f"SMS {n}", 1500 if n == 0 else 140)
            text = InboundSms(self.probes.of(f"SMS id {n}", 100), number, "12345", probe * (1 if n else 7))
            await self.network.parts.inbox.take(text)
        reply = {"from": "+8613812345604", "text": "x"}
        await self.api.tell("POST", "/sandbox/replies", reply, "gateway", only=("text",))

    def pages_of(self, key: str, *, everybody: bool = False) -> list[str]:
        """What this reader opens by address besides what they are led to: requests, and the parts of everybody's page."""
        parts = ("", "/referrals", "/messages", "/medicines")
        opened = (
            [f"/patients/{one}{part}" for one in self.people.values() for part in parts] if everybody and key == "manager" else []
        )
        kinds = {
            "hospital-1": "/inbox/referrals",
            "pharmacy-1": "/inbox/refills",
            "doctor": "/inbox/refills",
            "manager": ("/today/tasks", "/patients"),
        }
        return opened + [one for one in self.requests if one.startswith(kinds.get(key, "?"))]

    async def count(self) -> None:
        """As housekeeping does."""
        parts = self.network.parts
        await LookingAhead(parts.database, parts.vault, parts.plans, parts.clock).catch_up()
        async with parts.database.begin() as session:
            now = await parts.clock.now(session)
            await keep(session, await TeamFigures(session, now).make(), now=now)


def hostile_text(probes: Probes, text: str) -> str:
    """The definition with a probe in every text that is for people to read: one for each kind, by its section and language."""
    section, lines = "", []
    for line in text.splitlines():
        section = found[1] if (found := re.match(r"([a-z_]+):", line)) else section

        def with_probe(written: re.Match[str], section: str = section) -> str:
            said, name = written[3].strip('"'), f"pathway {section} {written[2]}"
            plain = section == "messages"
            return f"{written[1]}{written[2]}: {json.dumps(said + probes.of(name, 40 if plain else None, braces=not plain))}"

        line = re.sub(r"""((?:^\s+|[{,]\s*)(?:- )?)(en|zh-Hans|zh-Hant|es): ("[^"]*"|[^,}"]+)""", with_probe, line)
        line = re.sub(r"^((?:\s*- )?\s*)(name|basis|cites): (.+)$", with_probe, line)
        lines.append(line)
    return "\n".join(lines) + "\n"
