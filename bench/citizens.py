"""The people of a city, as rows: every person has a key, a name and tokens of their own; lives are copied from a few models.

Rule 1: nothing is invented about care: a model was enrolled by Cairn, took its steps, and its sealed state is opened, given the
        copy's id, and sealed again under the copy's own key.
Rule 2: names follow how common surnames are, so that a search for a common one finds as many as it would.
Rule 3: one seed and one number of patients are one city.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from records.patients import PROFILE, STATE, Profile
from records.vault import PersonVault, Vault

#: Of ten thousand people; 纳兰 stands for all rare ones.
SURNAMES: Mapping[str, int] = {
    "王": 720, "李": 718, "张": 680, "刘": 540, "陈": 450, "杨": 310, "黄": 230, "赵": 229, "周": 213, "吴": 207,
    "徐": 170, "孙": 155, "马": 130, "朱": 125, "胡": 115, "林": 105, "郭": 104, "何": 103, "高": 100, "罗": 95,
    "郑": 93, "梁": 84, "谢": 80, "宋": 70, "唐": 66, "许": 65, "韩": 61, "冯": 60, "邓": 59, "曹": 57,
    "彭": 50, "曾": 49, "肖": 48, "田": 46, "董": 45, "潘": 44, "袁": 43, "蔡": 42, "蒋": 41, "余": 40,
    "于": 39, "杜": 38, "叶": 37, "程": 36, "魏": 35, "苏": 34, "吕": 33, "丁": 32, "任": 31, "卢": 30,
    "欧阳": 8, "纳兰": 1,
}  # fmt: skip
GIVEN = "秀英桂兰玉梅淑珍丽华春燕晓红雪凤霞芳月娥金花建国志强庆德明永福海涛文斌卫东振大伟长生学军"
COMMON, RARE = "王", "纳兰"

#: How many years the work that is done lies back, and how far open work lies around today.
YEARS = 4
OVERDUE = 0.1  # of the people, their follow-up
AROUND = 14
STAYS_OPEN = 60  # days that a request may wait
TASKS = ("phone_call", "home_visit", "complete_readings", "check_back", "answer_unclear")

Rows = dict[str, list[tuple[Any, ...]]]

#: What is written, in the order of the tuples; a column that is new and must be filled shows as an error of the database.
COLUMNS: Mapping[str, Sequence[str]] = {
    table: names.split()
    for table, names in {
        "patient": "id care_team_id language timezone sealed state state_schema life reach tag last_step last_event taken_event "
        "next_due fault follow_up_due last_visit standing created",
        "person_key": "patient_id master wrapped",
        "person_token": "kind token patient_id",
        "enrolment": "patient_id pathway version since",
        "event": "patient_id seq event_id kind at learnt sealed step told_by",
        "step": "patient_id step at engine events summary deliveries",
        "timeline": "patient_id step line at code held_back sealed",
        "task": "patient_id key care_team_id kind by pathway service about urgent due status outcome opened closed claimed_by "
        "postponed_to version changed sealed",
        "visit_booking": "patient_id key care_team_id day",
        "message": "patient_id direction key at sealed",
        "delivery": "patient_id key kind status planned not_after urgent priority channel attempts arrived reason settled sealed",
        "referral": "patient_id key id referral place_id urgency stage asked changed day sealed",
        "refill": "patient_id key id refill pharmacy_id stage asked changed runs_out sealed",
    }.items()
}


@dataclass(frozen=True)
class Model:
    """Somebody whom Cairn enrolled: what is copied. ``state`` and the timeline are open here."""

    patient_id: str
    row: Mapping[str, Any]
    state: bytes
    enrolments: Sequence[tuple[str, str]]
    events: Sequence[tuple[Mapping[str, Any], bytes]]
    steps: Sequence[Mapping[str, Any]]
    timeline: Sequence[tuple[Mapping[str, Any], bytes]]


@dataclass
class City:
    """Makes the rows of a city's patients. ``tasks``: of one patient, of which ``open_share`` are open.

    One patient in ``per_referral`` has a referral, one in ``per_refill`` a refill, one in ``per_messages`` two messages.
    """

    vault: Vault
    models: Sequence[Model]
    teams: Sequence[str]
    hospitals: Sequence[str]
    pharmacies: Sequence[str]
    today: date
    tasks: int
    open_share: float = 0.03
    per_referral: int = 20
    per_refill: int = 10
    per_messages: int = 3
    seed: int = 1
    _names: dict[tuple[str, str], set[bytes]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return datetime.combine(self.today, time(1), UTC)

    def people(self, first: int, last: int, of: int) -> Rows:
        """Rows by table of the patients ``first`` up to ``last`` (of all ``of``); ids grow with the number."""
        rows: Rows = {}
        chance = Random(f"{self.seed}/{first}")
        for number in range(first, last):
            # Random, as Cairn's are, and in order all the same, so that an index is filled from one end.
            patient_id = f"{(number << 40) // of + chance.randrange((1 << 40) // of):010x}{chance.getrandbits(88):022x}"
            self._add(rows, patient_id, number, chance)
        return rows

    def _add(self, rows: Rows, patient_id: str, number: int, chance: Random) -> None:
        person, wrapped = self.vault.new_person(patient_id)
        model, team = self.models[number % len(self.models)], self.teams[number % len(self.teams)]
        family = chance.choices(*_WEIGHED)[0]
        given = "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2, 2))))
        profile = Profile(
            family,
            given,
            family + given,
            born=date(1935 + chance.randrange(50), chance.randint(1, 12), chance.randint(1, 28)),
            sex=chance.choice(("female", "male")),
            phone=phone_of(number),
            identifiers=(f"urn:city|{number}",),
            conditions=("hypertension",),
        )
        add = _Adder(rows, patient_id, person)
        row = model.row
        next_due = self.now + timedelta(days=chance.randint(1, 90))
        due = self.now.date() + timedelta(days=chance.randint(-90, -1) if chance.random() < OVERDUE else chance.randint(0, 90))
        state = person.seal(STATE, model.state.replace(model.patient_id.encode(), patient_id.encode()))
        add("patient", patient_id, team, row["language"], row["timezone"], person.seal(PROFILE, profile.to_json()), state,
            row["state_schema"], row["life"], row["reach"], row["tag"], row["last_step"], row["last_event"], row["taken_event"],
            _naive(next_due), None, due, due - timedelta(days=chance.randint(15, 400)), 1,
            _naive(self.now - timedelta(days=chance.randrange(365 * YEARS))))  # fmt: skip
        add("person_key", patient_id, self.vault.name, wrapped)
        for token in self._tokens(family, given):
            add("person_token", "name", token, patient_id)
        add("person_token", "phone", self.vault.token("phone", phone_of(number)), patient_id)
        add("person_token", "identifier", self.vault.token("identifier", f"urn:city|{number}"), patient_id)
        self._life(add, model, chance, team)
        self._work(add, chance, team)
        self._requests(add, number, chance)

    def _life(self, add: _Adder, model: Model, chance: Random, team: str) -> None:
        for pathway, version in model.enrolments:
            add("enrolment", add.patient_id, pathway, version, _naive(self.now - timedelta(days=400)))
        for row, plain in model.events:
            at = _naive(self.now - timedelta(days=chance.randrange(365 * YEARS)))
            sealed = add.person.seal(f"event/{row['seq']}", plain)
            add("event", add.patient_id, row["seq"], row["event_id"], row["kind"], at, at, sealed, row["step"], row["told_by"])
        for row in model.steps:
            at = _naive(self.now - timedelta(days=1))
            add(
                "step", add.patient_id, row["step"], at, row["engine"], row["events"], row["summary"], json.dumps(row["deliveries"])
            )
        for row, plain in model.timeline:
            sealed = add.person.seal(f"timeline/{row['step']}/{row['line']}", plain)
            add("timeline", add.patient_id, row["step"], row["line"], _naive(row["at"]), row["code"], row["held_back"], sealed)
        day = self.today + timedelta(days=chance.randint(1, 90))
        day -= timedelta(days=max(0, day.weekday() - 4))  # nobody is seen on a weekend
        add("visit_booking", add.patient_id, "hypertension.follow_up#2/visit", team, day)

    def _work(self, add: _Adder, chance: Random, team: str) -> None:
        for number in range(self.tasks):
            is_open = chance.random() < self.open_share
            kind = TASKS[chance.randrange(len(TASKS))]
            key = f"hypertension.follow_up#{number}/{kind}"
            back = chance.randint(-AROUND, AROUND) if is_open else chance.randint(AROUND, 365 * YEARS)
            due = self.today - timedelta(days=back)
            opened = datetime.combine(due, time(1)) - timedelta(days=2)
            done = "done" if chance.random() < 0.85 else "not_needed"
            sealed = add.person.seal(f"task/{key}", b'{"collects":["sbp","dbp"]}')
            closed = None if is_open else opened + timedelta(days=3)
            add("task", add.patient_id, key, team, kind, "health_manager", "hypertension", "follow_up", None, False, due,
                "open" if is_open else done, "" if is_open else "reached", opened, closed,
                None, None, 1, closed or opened, sealed)  # fmt: skip

    def _requests(self, add: _Adder, number: int, chance: Random) -> None:
        back = timedelta(minutes=chance.randrange(365 * YEARS * 24 * 60))
        asked, lately = _naive(self.now - back), back < timedelta(days=STAYS_OPEN)
        told = {"pathway": "hypertension", "row": "HTN-R3", "inputs": {"sbp": 182.0}}
        if number % self.per_referral == 0:
            key = "hypertension.follow_up#1/referral"
            stage = chance.choice(("requested", "accepted", "booked", "completed")) if lately else "completed"
            add("referral", add.patient_id, key, add.patient_id, key, chance.choice(self.hospitals), "urgent", stage, asked, asked,
                None, add.person.seal(f"referral/{key}", told))  # fmt: skip
        if number % self.per_refill == 0:
            key = "amlodipine#1/refill"
            stage = chance.choice(("requested", "received", "dispensed")) if lately else "dispensed"
            sealed = add.person.seal(f"refill/{key}", {"medicine": "amlodipine"})
            add("refill", add.patient_id, key, add.patient_id, key, chance.choice(self.pharmacies), stage, asked, asked,
                asked.date() + timedelta(days=7), sealed)  # fmt: skip
        if number % self.per_messages == 0:
            for n in range(2):
                key, body = f"hypertension.follow_up#{n}/remind", {"to": "patient", "text": "请于周五来社区卫生服务中心随访。"}
                planned = asked + timedelta(days=n)
                add("message", add.patient_id, "out", key, planned, add.person.seal(f"message/out/{key}", body))
                add("delivery", add.patient_id, key, "message", "handed", planned, None, False, 3, "sandbox", 1, "", "",
                    planned, add.person.seal(f"delivery/{key}", {"type": "send_message", "key": key}))  # fmt: skip

    def _tokens(self, family: str, given: str) -> set[bytes]:
        found = self._names.get((family, given))
        if found is None:
            found = self._names[family, given] = self.vault.name_tokens({"family": family, "given": given, "shown": family + given})
        return found


_WEIGHED = (list(SURNAMES), list(SURNAMES.values()))


@dataclass(frozen=True)
class _Adder:
    rows: Rows
    patient_id: str
    person: PersonVault

    def __call__(self, table: str, *values: Any) -> None:
        self.rows.setdefault(table, []).append(values)


def phone_of(number: int) -> str:
    """Everybody has one of their own; nobody's is real."""
    return f"+8619{number:09d}"


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
