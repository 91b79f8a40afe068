"""The play against an API that is made up here: it waits, moves time forward only, and is taken up again where it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from workers.play.__main__ import end_of
from workers.play.dice import Dice
from workers.play.loop import Play
from workers.play.service import BadKeys, Keys, NotSettled, PlayStopped, Service, ServiceAway, moment, written
from workers.play.show import Show

START = datetime(2025, 3, 3, 0, 0, tzinfo=UTC)
EVERY = timedelta(days=10)
KEYS = Keys(
    "admin", "coordinator", "gateway", {"team-1": "nurse"}, {"team-1": "doctor"}, {"hospital-1": "h1"}, {"pharmacy-1": "c1"}
)
PATIENTS = 5


@dataclass
class FakeApi:
    """A service with a driven clock: a visit every ten days, and a task of an unknown kind for whoever was seen."""

    now: datetime = START
    busy: int = 0
    away: int = 0
    never_settles: bool = False
    driven: bool = True
    moves: list[datetime] = field(default_factory=list)
    moved_while_busy: int = 0
    visits: dict[str, list[date]] = field(default_factory=dict)
    booked: dict[str, date] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    texts: list[dict[str, Any]] = field(default_factory=list)
    referrals: dict[str, dict[str, Any]] = field(default_factory=dict)
    refills: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.booked = {f"p{n}": (START + timedelta(days=n + 1)).date() for n in range(PATIENTS)}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.seen.append((request.method, path))
        if self.away:
            self.away -= 1
            raise httpx.ConnectError("refused")
        body = json.loads(request.content) if request.content else {}
        if once := request.headers.get("Idempotency-Key"):
            self.written[once] = self.written.get(once, 0) + 1
        return self.answer(request.method, path, body, dict(request.url.params))

    def answer(self, method: str, path: str, body: dict[str, Any], query: dict[str, str]) -> httpx.Response:
        parts = path.strip("/").split("/")
        match (method, *parts):
            case ("GET", "clock"):
                self.busy = max(0, self.busy - 1)
                return self.clock()
            case ("POST", "clock"):
                self.move(moment(body["to"]))
                return self.clock()
            case ("GET", "patients"):
                return httpx.Response(200, json={"items": [self.person(id_) for id_ in self.booked], "next": None})
            case ("GET", "patients", id_):
                return httpx.Response(200, json=self.person(id_) | {"readings": {"sbp": {"value": 130, "on": "2025-01-01"}}})
            case ("POST", "patients", id_, "visits"):
                self.visits.setdefault(id_, []).append(self.now.date())
                self.booked[id_] = (self.now + EVERY).date()
                self.tasks[id_] = f"task/{len(self.visits[id_])}"
                return self.wrote(id_)
            case ("GET", "worklist"):
                return httpx.Response(200, json=self.worklist(date.fromisoformat(query["on"])))
            case ("POST", "tasks", id_, "complete"):
                self.tasks.pop(id_)
                return self.wrote(id_)
            case ("GET", "sandbox", "messages"):
                return httpx.Response(200, json={"items": [t for t in self.texts if t["n"] > int(query["since"])]})
            case ("GET", "referrals" | "refills" as what):
                rows = [row for row in getattr(self, what).values() if query.get("stage") in (None, row["stage"])]
                return httpx.Response(200, json={"items": rows, "next": None})
            case ("POST", "referrals" | "refills" as what, id_, verb):
                stages = {
                    "receive": "received",
                    "accept": "accepted",
                    "book": "booked",
                    "complete": "completed",
                    "dispense": "dispensed",
                }
                row = getattr(self, what)[id_]
                row |= {"stage": stages.get(verb, verb.replace("-", "_")), **({"day": body["day"]} if "day" in body else {})}
                return self.wrote(row["patient"]["id"])
            case ("GET", "tasks"):
                return httpx.Response(200, json={"items": [], "next": None})
            case _:
                return self.wrote(parts[1] if len(parts) > 1 and parts[1] in self.booked else "p0")

    def move(self, to: datetime) -> None:
        self.moved_while_busy += self.busy
        assert to >= self.now
        crossed = to > self.now
        self.now = to
        self.moves.append(to)
        if crossed and to.time() == time(1):
            number = len(self.texts) + 1
            text = {
                "n": number,
                "to": "+861380000000",
                "text": "Reply 1 yes, 2 other day.",
                "at": written(to),
                "key": f"message/{number}",
            }
            self.texts.append(text)
        self.busy = 2

    def next_due(self) -> datetime:
        return datetime.combine(self.now.date(), time(1), tzinfo=UTC) + timedelta(days=self.now.time() >= time(1))

    def clock(self) -> httpx.Response:
        settled = self.busy == 0 and not self.never_settles
        return httpx.Response(
            200,
            json={
                "now": written(self.now),
                "driven": self.driven,
                "settled": settled,
                "unsettled": self.busy,
                "next_due": written(self.next_due()),
            },
        )

    def person(self, id_: str) -> dict[str, Any]:
        return {
            "id": id_,
            "name": f"Person {id_}",
            "born": "1960-01-01",
            "phone": f"+86138000000{id_[1:]}",
            "timezone": "Asia/Shanghai",
            "care_team": "team-1",
            "tag": "green",
            "life": "active",
            "reach": "reachable",
            "pathways": ["hypertension"],
            "visit_day": self.booked[id_].isoformat(),
        }

    def worklist(self, on: date) -> dict[str, Any]:
        collects = [{"name": "sbp", "kind": "number"}, {"name": "dbp", "kind": "number"}]
        return {
            "visits": [
                {"patient": self.person(id_), "day": day.isoformat(), "confirmed": True, "collects": collects}
                for id_, day in self.booked.items()
                if day == on
            ],
            "tasks": [
                {
                    "id": f"{id_}:{key}",
                    "key": key,
                    "kind": "something_new",
                    "service": "follow_up",
                    "by": "health_manager",
                    "status": "open",
                    "patient": {"id": id_},
                    "due": on.isoformat(),
                    "opened": written(self.now),
                    "collects": [],
                }
                for id_, key in self.tasks.items()
            ],
        }

    def wrote(self, id_: str) -> httpx.Response:
        self.busy = 2
        return httpx.Response(
            200, json={"event_id": "e", "acted_on": True, "patient": {"id": id_, "tag": "green", "life": "active"}}
        )


async def no_pause(seconds: float) -> None:
    return None


class Ticks:
    """Real seconds that pass by looking at them."""

    def __init__(self, step: float = 0.001) -> None:
        self.time, self.step = 0.0, step

    def __call__(self) -> float:
        self.time += self.step
        return self.time


async def played(api: FakeApi, until: datetime, *, ticks: Ticks | None = None) -> tuple[Play, str]:
    said = StringIO()
    async with httpx.AsyncClient(base_url="http://cairn", transport=httpx.MockTransport(api)) as client:
        play = Play(Service(client, KEYS, pause=no_pause), Dice(1), ticks=ticks or Ticks())
        start = await play.begin()
        with Show(Console(file=said, force_terminal=False), start, until) as show:
            await play.until(until, show)
    return play, said.getvalue()


async def test_everybody_comes_for_their_visits_and_the_tasks_get_done() -> None:
    api = FakeApi()
    play, said = await played(api, START + timedelta(weeks=6))
    assert api.now == START + timedelta(weeks=6)
    assert all(len(days) >= 2 for days in api.visits.values())
    assert len(api.visits) >= PATIENTS - 1
    assert "2025-W10  visits due" in said
    assert [line.split()[0] for line in said.splitlines()][:6] == [f"2025-W{week}" for week in range(10, 16)]
    assert len(said.splitlines()) <= 7  # something of the week that has only just begun
    assert play.scene.tally.whole["visits done"] == sum(map(len, api.visits.values()))
    assert not play.scene.refusals


async def test_time_is_never_moved_back_nor_before_everything_has_settled() -> None:
    api = FakeApi()
    await played(api, START + timedelta(weeks=3))
    assert api.moves == sorted(api.moves)
    assert api.moved_while_busy == 0


async def test_a_second_start_goes_on_where_the_first_ended() -> None:
    whole, halves = FakeApi(), FakeApi()
    await played(whole, START + timedelta(weeks=6))
    await played(halves, START + timedelta(weeks=2, hours=13))
    await played(halves, START + timedelta(weeks=6))
    assert sum(map(len, halves.visits.values())) >= sum(map(len, whole.visits.values())) - 2
    assert len(halves.written) == sum(halves.written.values())


async def test_a_service_that_is_away_for_a_while_is_waited_for() -> None:
    api = FakeApi(away=4)
    await played(api, START + timedelta(days=2))
    assert api.now == START + timedelta(days=2)


async def test_a_service_that_stays_away_is_named_in_one_sentence() -> None:
    with pytest.raises(ServiceAway, match=r"http://cairn.* does not answer \(GET /clock: ConnectError\); start the service there"):
        await played(FakeApi(away=10_000), START + timedelta(days=2))


async def test_a_service_that_does_not_settle_is_told_of_and_was_nudged() -> None:
    api = FakeApi(never_settles=True)
    with pytest.raises(NotSettled, match="stay undone"):
        await played(api, START + timedelta(days=2), ticks=Ticks(1.0))
    assert ("POST", "/clock") in api.seen
    assert set(api.moves) == {START}


async def test_a_real_clock_is_not_played_with() -> None:
    with pytest.raises(PlayStopped, match="runs in real time"):
        await played(FakeApi(driven=False), START + timedelta(days=2))


async def test_two_plays_at_once_are_told_of() -> None:
    class MovedByAnother(FakeApi):
        def answer(self, method: str, path: str, body: dict[str, Any], query: dict[str, str]) -> httpx.Response:
            if (method, path) == ("POST", "/clock"):
                return httpx.Response(409, json={"title": "Conflict", "detail": "it is later already"})
            return super().answer(method, path, body, query)

    with pytest.raises(PlayStopped, match="no other play runs"):
        await played(MovedByAnother(), START + timedelta(days=2))


async def test_a_referral_goes_from_asked_to_closed() -> None:
    api = FakeApi()
    row = {"patient": {"id": "p1"}, "urgency": "emergency", "stage": "requested", "day": None, "asked": written(START)}
    api.referrals = {f"r{n}": {**row, "id": f"r{n}"} for n in range(12)}
    play, _ = await played(api, START + timedelta(weeks=3))
    stages = {referral["stage"] for referral in api.referrals.values()}
    assert "completed" in stages
    assert stages <= {"completed", "refuse", "not_attended"}
    assert play.scene.tally.whole["referrals asked"] == 12


async def test_medicine_is_made_ready_and_fetched_also_after_a_restart() -> None:
    api = FakeApi()
    row = {"patient": {"id": "p1"}, "medicine": "amlodipine", "stage": "requested", "asked": written(START)}
    api.refills = {"f1": {**row, "id": "f1"}}
    await played(api, START + timedelta(hours=3))
    assert api.refills["f1"]["stage"] == "requested"
    await played(api, START + timedelta(days=1, hours=2))
    assert api.refills["f1"]["stage"] == "ready"
    await played(api, START + timedelta(weeks=4))
    assert api.refills["f1"]["stage"] == "dispensed"


async def test_the_clinician_on_call_and_the_hospitals_look_soon_after_the_phone_rang() -> None:
    play, _ = await played(FakeApi(), START + timedelta(days=1, hours=8))
    scene, planned = play.scene, len(play.scene.agenda)
    rang = {"key": "message/2025-03-04/on_call#1", "to": "+8613800000001", "text": "open the console", "at": written(scene.now)}
    play._rings(rang, earlier=False)
    assert len(scene.agenda) > planned
    soon = scene.agenda.next()
    assert soon is not None
    assert soon <= scene.now + timedelta(hours=2, minutes=10)


async def test_what_is_refused_is_counted_and_the_play_goes_on() -> None:
    class Refusing(FakeApi):
        def answer(self, method: str, path: str, body: dict[str, Any], query: dict[str, str]) -> httpx.Response:
            if path.endswith("/complete"):
                return httpx.Response(409, json={"title": "Conflict", "detail": "closed already"})
            return super().answer(method, path, body, query)

    play, _ = await played(Refusing(), START + timedelta(weeks=2))
    assert play.scene.refusals.total() > 0
    assert "closed already" in "\n".join(await _summary(play))


async def _summary(play: Play) -> list[str]:
    async with httpx.AsyncClient(base_url="http://cairn", transport=httpx.MockTransport(FakeApi())) as client:
        play.service.client = client
        return await play.summary()


def test_keys_that_cannot_be_used_are_said_to_be_so(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    with pytest.raises(BadKeys, match="cannot be read"):
        Keys.read(file)
    file.write_text("[]")
    with pytest.raises(BadKeys, match="is not a file of keys"):
        Keys.read(file)
    file.write_text('{"administrator": "a", "coordinator": "c"}')
    with pytest.raises(BadKeys, match="no key of a health manager"):
        Keys.read(file)
    file.write_text('{"administrator": "a", "coordinator": "c", "health_manager": {"team-1": "n"}}')
    assert Keys.read(file).gateway == "a"


def test_it_plays_to_the_earlier_of_the_two_ends_that_were_asked_for() -> None:
    assert end_of(START, date(2026, 3, 3), None) == datetime(2026, 3, 3, tzinfo=UTC)
    assert end_of(START, date(2026, 3, 3), 2) == START + timedelta(weeks=2)
    assert end_of(START, None, 1) == START + timedelta(weeks=1)
