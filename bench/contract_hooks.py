"""What schemathesis loads beside the API's description: requests that would hit nothing are led to what there is.

Rule 1: only what was made to be valid is replaced; what was made wrong on purpose stays as wrong as it was made.
Rule 2: one request in eight stays as it was drawn, so that what does not exist is asked for as well.
Rule 3: the same seed leads the same requests to the same things.
"""

from __future__ import annotations

import os
import random
import re
import threading
from datetime import datetime, timedelta
from typing import Any

import httpx
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.hooks import HookContext

from api.hooks.offered import SERVICES
from api.models.cds import Asks
from bench.contract import CALLERS, KNOWN, SOMEBODY
from pathways.language import library

OFTEN = 7 / 8
NOTHING = "nothing-of-the-kind"
FOLLOWED = "hypertension"
ASKED_AGAIN = 20  # requests, after which it is asked anew what there is
ASKED_OF = {one.id: one.hook for one in SERVICES}
READINGS = {"sbp": 128, "dbp": 78, "symptoms": [], "pregnant_or_lactating": False, "adr": False}
PERSON = {
    "name": "王秀英", "sex": "female", "born": "1960-05-01", "language": "zh-Hans", "timezone": "Asia/Shanghai", "country": "",
    "state": "", "identifier_system": "", "national_id": "", "carer_phone": "", "phone": "+8613812345678",
    "conditions": ["hypertension"], "last_visit": "2025-02-20", "measured_on": "2025-02-20", "readings": {"sbp": 132, "dbp": 82},
    "medicines": [{"name": "amlodipine", "last_fill": "2025-02-20", "days_supply": 30}], "care_team": "team-1",
}  # fmt: skip


class Leading:
    """Leads requests to what there is. One for each run."""

    def __init__(self, address: str, seed: int) -> None:
        self.client = httpx.Client(base_url=address, timeout=60)
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.asked = 0
        self.known: dict[str, Any] = {}
        self.cursors: dict[str, str] = {}
        self.texts = {name: loaded.document.text for name, loaded in library().items() if loaded.document is not None}

    def lead(self, case: Any) -> None:
        """Change ``case`` before it is sent."""
        with self.lock:
            if self.asked % ASKED_AGAIN == 0:
                self.known = self.client.get(KNOWN).json()
            self.asked += 1
            path = case.operation.path
            callers = [caller for caller, paths in CALLERS.items() if re.search(paths, f"{case.operation.method.upper()} {path}")]
            caller = self.chance.choice(callers or [""])
            if caller:
                case.headers["Authorization"] = f"Bearer {caller}"
            if path == "/api/v1/clock" and isinstance(case.body, dict) and isinstance(case.body.get("to"), str):
                case.body["to"] = self._moment(0, 3)  # a moment far ahead would be years of care for everybody
            if self.chance.random() < OFTEN:
                self._lead(case, path, caller)

    def learn(self, case: Any, response: Any) -> None:
        """Remember where the next page begins."""
        if case.operation.method.upper() == "GET" and response.status_code == 200:
            try:
                found = response.json().get("next")
            except (ValueError, AttributeError):
                return
            if isinstance(found, str):
                self.cursors[case.operation.path] = found

    def _lead(self, case: Any, path: str, caller: str) -> None:
        values, etag = self._target(path, case.operation.method.upper())
        made_wrong = {place for place in ParameterLocation if case._meta is not None and case._meta.is_negative_at(place)}
        if ParameterLocation.PATH not in made_wrong:
            case.path_parameters.update({name: value for name, value in values.items() if name in case.path_parameters})
        if ParameterLocation.QUERY not in made_wrong:
            self._lead_query(case, path, values)
        if ParameterLocation.HEADER not in made_wrong and any(header.name == "If-Match" for header in case.operation.headers):
            if etag and self.chance.random() < OFTEN:
                case.headers["If-Match"] = etag
            else:
                case.headers.pop("If-Match", None)
        if ParameterLocation.BODY not in made_wrong:
            if case.media_type == "application/yaml":
                case.body = self._text(case, path, values)
            elif isinstance(case.body, dict):
                case.body = self._body(case.body, path, values)

    def _target(self, path: str, method: str) -> tuple[dict[str, str], str]:
        """What the request is about: names and ids of one thing, and its ETag."""
        known, pick = self.known, self._pick
        if "{service_id}" in path:
            return {"service_id": pick(sorted(ASKED_OF), NOTHING)}, ""
        if "{rollout_id}" in path:
            return self._rollout(path, method), ""
        if "{draft_id}" in path:
            wanted = {"ask-approval": "checked", "approve": "checked", "publish": "approved"}.get(path.rsplit("/", 1)[-1], "")
            fitting = [one for one in known["drafts"] if wanted in ("", one[3])]
            draft, _, etag, _ = pick(fitting or known["drafts"], [NOTHING] * 4)
            return {"draft_id": draft}, etag
        if "{forecast_id}" in path:
            under_way = [one for one in known["forecasts"] if one[2] in ("waiting", "running")] if path.endswith("/cancel") else []
            forecast, name, _ = pick(under_way or known["forecasts"], [NOTHING] * 3)
            return {"forecast_id": forecast, "name": name}, ""
        if "{event_id}" in path:
            patient, event = pick(known["events"], [NOTHING] * 2)
            return {"patient_id": patient, "event_id": event}, ""
        if "/tasks/" in path:
            patient, key, etag = pick(known["tasks"], [NOTHING] * 3)
            return {"patient_id": patient, "key": key}, etag
        if "{patient_id}" in path:
            last = re.search(r"/(died|withdraw|moved-away|move)$", path)  # who leaves is one of the last, the others stay
            patient, etag = pick(known["patients"][-2:] if last else known["patients"], [NOTHING] * 2)
            return {"patient_id": patient}, etag
        if (networks := path.rpartition("/")[2].replace("-", "_")) in ("contact_rules", "referral_limits"):
            place, etag = pick(known[networks], [NOTHING] * 2)
            return {"place_id": place}, etag
        if "{place_id}" in path:
            own = [one for one in known["places"] if len(one[0]) > len("pharmacy-2")]
            place, etag = pick(own if method != "GET" else known["places"], [NOTHING] * 2)
            return {"place_id": place}, etag
        if "{name}" in path:
            named = known["pathways"]
            if re.search(r"/(rollouts|preview|retire|diff)$", path) and self.chance.random() < OFTEN:  # of what patients follow
                named = [one for one in named if one[0] == FOLLOWED and (one[2] <= ("retire" not in path))][-6:] or named
            name, version, _ = pick([one for one in named if one[2] or "{version}" in path], [NOTHING] * 3)
            now = next((one[1] for one in known["pathways"] if one[0] == name and one[2]), version)
            return {"name": name, "version": version}, f'"{now}"'
        for what, field in (
            ("teams", "team_id"),
            ("closures", "closure_id"),
            ("holds", "hold_id"),
            ("advice", "advice_id"),
            ("webhooks", "webhook_id"),
            ("smart_clients", "smart_client_id"),
        ):
            if f"{{{field}}}" in path:
                found, etag = pick(known[what], [NOTHING] * 2)
                return {field: found}, etag
        if "{account_id}" in path:
            account, _, etag = pick(
                [one for one in known["accounts"] if one[1] != SOMEBODY["login"]] or known["accounts"], [""] * 3
            )
            return {"account_id": account}, etag
        day = self._day(-30, 300)
        plain = {"referral_id": "referrals", "refill_id": "refills", "key_id": "keys"}
        return {field: pick(known[what], NOTHING) for field, what in plain.items()} | {"calendar": "CN", "day": day}, ""

    def _rollout(self, path: str, method: str) -> dict[str, str]:
        """One that stands where this can be done; for a decision, with somebody who was left."""
        if "{patient_id}" in path:
            rollout, patient = self._pick(self.known["left"], [NOTHING] * 2)
            return {"rollout_id": rollout, "patient_id": patient}
        done = path.rsplit("/", 1)[-1]
        fitting = {"pause": ("running",), "resume": ("paused",), "stop": ("running", "paused")}.get(done)
        rollouts = [one for one in self.known["rollouts"] if fitting is None or one[1] in fitting] or self.known["rollouts"]
        return {"rollout_id": self._pick(rollouts[-8:], [NOTHING] * 2)[0]}

    def _lead_query(self, case: Any, path: str, values: dict[str, str]) -> None:
        often = self.chance.random() < OFTEN
        query = case.query
        if "key" in query or path.endswith("/tasks/{patient_id}"):
            query["key"] = values.get("key", "")
        told = {
            "team": "team-1", "organisation": "centre-1", "parent": "network", "pharmacy": "pharmacy-1", "patient": self._patient(),
            "place": "hospital-1", "medicine": "amlodipine", "language": self._pick(["en", "zh-Hans"], "en"), "wait": 0,
            "on": self._day(-3, 3), "since": self._day(-9, 0), "after": self.cursors.get(path),
        }  # fmt: skip
        if path == "/api/v1/sandbox/messages":
            del told["since"]
        if path.endswith("/why"):
            asked = {"service": "follow_up", "day": self._day(-20, 60), "message": "visit_soon", "referral": "to_hospital"}
            about = self._pick(sorted(asked), "day")
            for name in asked:
                query.pop(name, None)
            told |= {about: asked[about], "pathway": "hypertension"}
            query |= {about: asked[about]}
        told |= self._led_to_versions(path, query)
        if path == "/api/v1/audit":
            told["since"] = self._moment(-9, 0)
        for name, value in told.items():
            if name in query and often:
                if value is None:
                    del query[name]
                else:
                    query[name] = value
        if path in ("/api/v1/worklist", "/api/v1/overview") and often:
            query.setdefault("team", "team-1")

    def _led_to_versions(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        """What queries about definitions name: a version that is there, or none."""
        current = next((one[1] for one in self.known["pathways"] if one[0] == FOLLOWED and one[2]), None)
        version = self._pick([current, None], None)
        told: dict[str, Any] = {"against": version, "based_on": version, "from_version": version, "why": "as agreed"}
        if path.endswith("/forecasts"):
            kept = [one[0] for one in self.known["drafts"] if one[1] == FOLLOWED]
            told |= {"draft": self._pick([*kept[:1], None], None), "sample": 5, "weeks": 2, "service": None, "tag": None}
        if path.endswith("/wording/preview"):
            told |= {"pathway": FOLLOWED, "message": self._pick(["visit_soon", "refill_ready"], "visit_soon"), "draft": None}
            told["version"] = version
        if path.endswith(("/drafts", "/rollouts")):
            told |= {"pathway": FOLLOWED, "status": None}
        return told

    def _text(self, case: Any, path: str, values: dict[str, str]) -> Any:
        """A definition; none where a version or a draft is named in its place."""
        if "draft" in case.query or "from_version" in case.query:
            return b""
        if path.endswith("/drafts/{draft_id}") and case.query.get("based_on") is None:
            return self._definition(FOLLOWED)
        return self._definition(values.get("name", FOLLOWED))

    def _body(self, drawn: dict[str, Any], path: str, values: dict[str, str]) -> dict[str, Any]:
        chance, often = self.chance, self.chance.random() < OFTEN
        body = dict(drawn)
        if path == "/api/v1/patients" and often:
            body = {**body, **{name: value for name, value in PERSON.items() if name in body and chance.random() < 0.97}}
            body |= {"carer_name": "", "family": "", "given": "", "name": PERSON["name"], "readings": PERSON["readings"]}
            return body
        if path == "/cds-services/{service_id}" and often:
            return {**Asks.model_config["json_schema_extra"]["examples"][0], "hook": ASKED_OF.get(values["service_id"], NOTHING)}
        role, place = self._pick([("health_manager", "team-1"), ("clinic", "hospital-1"), ("supervisor", "network")], ("", ""))
        told: dict[str, Any] = {
            "at": self._moment(-2, 0), "key": values.get("key", ""), "care_team": self._pick(["team-1", "team-2"], ""),
            "phone": "+8613812345678", "carer_phone": "+8613812345679", "timezone": "Asia/Shanghai", "organisation": "centre-1",
            "parent": "network", "pharmacy": "pharmacy-1", "calendar": "CN", "day": self._day(0, 20), "on": self._day(-2, 0),
            "until": self._day(1, 30), "first": self._day(0, 5), "last": self._day(5, 9), "medicine": "amlodipine",
            "readings": READINGS, "done": [], "service": "hypertension/annual_examination", "from": "+8613800000000",
            "role": role, "place": place, "password": "Nine-herons-at-41", "pathways": [FOLLOWED],
            "kind": self._pick(["centre", "hospital", "pharmacy"], ""), "conditions": self._pick([["hypertension"], ["E11"]], []),
            "outcome": drawn.get("outcome") if path.endswith("/calls") else self._pick(["done", "approved", "reached"], "done"),
            "country": "CN", "part": None, "years": [2025], "on_call_phone": "+8613800000001", "rights": None,
        }  # fmt: skip
        if path.endswith("/contact-rules"):
            told |= {"opens": "08:30", "closes": "19:00", "spread_minutes": 60, "quiet_weekdays": ["sunday"], "quiet_dates": []}
        if path.endswith("/referral-limits"):
            told |= {"limits": {"urgent": {"requested": {"within": "6 hours", "remind": "2 hours"}}}}
        if path == "/api/v1/closures":
            told["place"] = self._pick(["hospital-2", "pharmacy-2"], "")
        if path.startswith("/api/v1/holds"):
            told |= {"place": self._pick(["hospital-2", "pharmacy-2"], ""), "action": "hold", "redirect_to": None, "spread_days": 2}
        if path == "/api/v1/places":
            body |= {"parent": "network"}
        if path == "/api/v1/sessions":
            body = {"login": SOMEBODY["login"], "password": SOMEBODY["password"]}
        if "/corrections" in path and often:
            body = {"why": "slip_of_the_pen", **({"void": True} if chance.random() < 0.2 else {"readings": {"sbp": 131}})}
        if re.search("rollout", path):
            told |= {"batch": chance.randint(1, 5), "pause_s": 0, "sample": 5, "sms_per_day": self._pick([None, 0, 50], None)}
            told |= {"services": self._pick([{}, {}, {"annual_exam": "yearly_check"}, {"annual_exam": None}], {}), "tags": {}}
            told |= {"accept": self._pick([[], ["service_gone_while_due"]], [])}
        for name, value in told.items():
            if name in body and body[name] is not None and often:
                body[name] = value
        if "items" in body and often:
            body["items"] = [{"medicine": self._pick(["amlodipine", "metformin"], ""), "available": chance.random() < 0.8}]
        return body

    def _definition(self, name: str) -> bytes:
        text = self.texts.get(name) or self.texts[FOLLOWED]
        if name == FOLLOWED and self.chance.random() < 1 / 4:
            text = text.replace("  annual_exam:", "  yearly_check:")
        return f"{text}\n# {self.chance.randrange(10**6)}\n".encode()

    def _patient(self) -> str:
        return str(self._pick(self.known["patients"], ["", ""])[0])

    def _moment(self, first: int, last: int) -> str:
        """Between so many hours from now."""
        now = datetime.fromisoformat(self.known["now"])
        return (now + timedelta(minutes=self.chance.randint(first * 60, last * 60))).isoformat().replace("+00:00", "Z")

    def _day(self, first: int, last: int) -> str:
        """Between so many days from today."""
        today = datetime.fromisoformat(self.known["now"]).date()
        return (today + timedelta(days=self.chance.randint(first, last))).isoformat()

    def _pick(self, among: Any, otherwise: Any) -> Any:
        return self.chance.choice(among) if among else otherwise


if "CONTRACT_ADDRESS" in os.environ:  # schemathesis loads this file by name, and hands nothing in
    leading = Leading(os.environ["CONTRACT_ADDRESS"], int(os.environ.get("CONTRACT_SEED", "1")))

    @schemathesis.hook
    def before_call(context: HookContext, case: Any, kwargs: dict[str, Any]) -> None:
        """Lead the request to something that there is."""
        leading.lead(case)

    @schemathesis.hook
    def after_call(context: HookContext, case: Any, response: Any) -> None:
        """Learn where the next page begins."""
        leading.learn(case, response)
