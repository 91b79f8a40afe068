"""Messages that stop are noticed within the hour, with the cause that can be seen, told once, and cleared when they go again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert, select, update

from activities.alerting import SIGNATURE, Alerting, message_of, signature
from activities.deadman import DeadMan, Looked
from activities.seeing import Seeing
from records.alerts import Alerts
from records.clock import Clock
from records.database import Database
from records.tables import (
    Alert,
    Attempt,
    CareTeam,
    ChannelState,
    ContactRulesRow,
    Delivery,
    EventRow,
    Holiday,
    Organisation,
    Patient,
)
from records.traffic import TrafficCounts
from tests.kept import FilledOnce

MONDAY = datetime(2025, 3, 31, 0, 0, tzinfo=UTC)  # eight in the morning in Shanghai
TEAMS = {"north": "Asia/Shanghai", "south": "Asia/Shanghai", "far": "Asia/Kathmandu"}
EACH_HOUR = {"north": 30, "south": 30, "far": 24}
TRIED = {"handed": "taken", "failed": "refused"}
OPEN = range(1, 5)  # hours, UTC, in which everybody is texted
_numbers = count(1)  # of messages


@dataclass
class Network:
    """Some weeks of ordinary traffic, and the switch over it."""

    database: Database
    clock: Clock
    outside: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def switch(self) -> DeadMan:
        async def probe() -> str:
            return self.outside

        return DeadMan(self.database, self.clock, probe)

    async def hour(
        self, at: datetime, *, status: str = "handed", arrived: str = "delivered", teams: Mapping[str, int] = EACH_HOUR
    ) -> None:
        """An hour of messages, spread evenly; from the Monday on with the tries of those that a provider took."""
        rows, tries = [], []
        for team, many in teams.items():
            for n in range(many):
                number = next(_numbers)
                planned = at + timedelta(hours=1) * n / many
                rows.append(
                    {
                        "patient_id": team,
                        "key": f"m{number}",
                        "kind": "message",
                        "status": status,
                        "planned": planned,
                        "channel": "twilio",
                        "arrived": arrived,
                        "sealed": b"",
                    }
                )
                if at >= MONDAY and status in ("handed", "failed"):
                    taken = {"id": f"t{number}", "number": 1, "at": planned, "status": TRIED[status], "sealed": b""}
                    tries.append({**taken, "patient_id": team, "key": f"m{number}", "channel": "twilio", "arrived": arrived})
        async with self.database.begin() as session:
            await session.execute(insert(Delivery), rows)
            if tries:
                await session.execute(insert(Attempt), tries)

    async def day(self, day: datetime, **said: Any) -> None:
        for hour in OPEN:
            await self.hour(day + timedelta(hours=hour), **said)

    async def look(self, at: datetime, *, thoroughly: bool = False) -> Looked:
        async with self.database.begin() as session:
            await (self.clock.move(session, at) if await self.clock.is_driven(session) else self.clock.drive(session, at))
        await self.switch.count()
        return await self.switch.look(thoroughly=thoroughly)

    async def counted(self, first: datetime, last: datetime) -> None:
        async with self.database.begin() as session:
            at = first
            while at < last:
                if at.hour in OPEN:
                    await TrafficCounts(session).count(at)
                at += timedelta(hours=1)

    async def standing(self) -> list[tuple[str, str, str]]:
        async with self.database.reading() as session:
            return [(alert.kind, alert.about, alert.cause) for alert in await Alerts(session).open()]


async def four_weeks(database: Database) -> None:
    """A network, and its ordinary traffic up to the Monday."""
    async with database.begin() as session:
        session.add(Organisation(id="net", kind="network", network_id="net", name="Net", calendar="CN"))
        await session.flush()
        session.add_all(CareTeam(id=team, organisation_id="net", name=team, timezone=zone) for team, zone in TEAMS.items())
        await session.flush()
        row = {"language": "en", "sealed": b"", "created": MONDAY, "life": "active"}
        session.add_all(Patient(id=team, care_team_id=team, timezone=zone, **row) for team, zone in TEAMS.items())
    network = Network(database, Clock())
    for back in range(1, 29):
        day = MONDAY - timedelta(days=back)
        if day.weekday() < 5:
            await network.day(day)
    await network.counted(MONDAY - timedelta(days=28), MONDAY)


@pytest.fixture
async def network(filled_once: FilledOnce) -> Network:
    return Network(await filled_once("four_weeks", four_weeks), Clock())


async def test_an_ordinary_day_its_night_and_its_weekend_raise_nothing(network: Network) -> None:
    for hour in range(24):
        at = MONDAY + timedelta(hours=hour)
        if hour in OPEN:
            await network.hour(at)
        for minute in (5, 35, 55):
            looked = await network.look(at + timedelta(minutes=minute), thoroughly=minute < 10)
            assert not looked.raised, (hour, minute, [(alert.kind, alert.cause, alert.body) for alert in looked.raised])
    for back in range(1, 5):
        await network.day(MONDAY + timedelta(days=back))
        await network.counted(MONDAY + timedelta(days=back), MONDAY + timedelta(days=back + 1))
    assert not (await network.look(MONDAY + timedelta(days=5, hours=2), thoroughly=True)).raised  # a Saturday


async def test_a_morning_without_any_message_is_seen_within_the_hour_told_once_and_cleared(network: Network) -> None:
    quiet = MONDAY + timedelta(hours=1)
    assert not (await network.look(quiet + timedelta(minutes=5))).raised
    (alert,) = (await network.look(quiet + timedelta(minutes=50))).raised
    assert (alert.kind, alert.about, alert.cause, alert.body["planned"]) == ("planned_fewer", "all", "unknown", 0)
    again = await network.look(quiet + timedelta(minutes=58))
    assert (again.raised, again.open) == ([], 1)
    for hour in OPEN:
        await network.hour(MONDAY + timedelta(hours=hour))
    (cleared,) = (await network.look(MONDAY + timedelta(hours=4, minutes=55))).cleared
    assert cleared.id == alert.id
    assert await network.standing() == []


async def test_one_zone_whose_reminders_stop_is_named_and_so_is_the_change_before_it(network: Network) -> None:
    async with network.database.begin() as session:
        session.add(ContactRulesRow(network_id="net", body={}, changed=MONDAY - timedelta(hours=9)))
    for hour in (1, 2):
        await network.hour(MONDAY + timedelta(hours=hour), teams={"north": 30, "south": 30})
    await network.look(MONDAY + timedelta(hours=2, minutes=55))
    assert await network.standing() == [("planned_fewer", "Asia/Kathmandu", "contact_rules_changed")]


async def test_one_team_alone_is_told_to_those_who_see_that_team(network: Network) -> None:
    for hour in (1, 2):
        await network.hour(MONDAY + timedelta(hours=hour), teams={"north": 30, "far": 24})
    (alert,) = (await network.look(MONDAY + timedelta(hours=2, minutes=50))).raised
    assert (alert.kind, alert.about, alert.care_team_id) == ("planned_fewer", "south", "south")


async def test_a_holiday_is_no_trouble(network: Network) -> None:
    async with network.database.begin() as session:
        session.add(Holiday(calendar="CN", day=date(2025, 3, 31), working=False, name="a day off"))
    assert not (await network.look(MONDAY + timedelta(hours=3, minutes=50), thoroughly=True)).raised


@pytest.mark.parametrize(
    ("outside", "state", "cause"), [("no_worker", None, "no_worker"), ("", "no_credit", "channel_no_credit"), ("", None, "unknown")]
)
async def test_messages_that_nobody_hands_over_are_seen_and_the_cause_is_named(
    network: Network, outside: str, state: str | None, cause: str
) -> None:
    network.outside = outside
    if state is not None:
        async with network.database.begin() as session:
            until = MONDAY + timedelta(days=1)
            session.add(ChannelState(name="twilio", failures=9, paused_until=until, why=state, changed=MONDAY))
    await network.hour(MONDAY + timedelta(hours=1), status="planned", arrived="")
    assert not (await network.look(MONDAY + timedelta(hours=1, minutes=15))).raised
    await network.look(MONDAY + timedelta(hours=1, minutes=30))
    assert await network.standing() == [("not_handed_over", "all", cause)]
    async with network.database.begin() as session:
        await session.execute(update(Delivery).values(status="handed"))
    assert len((await network.look(MONDAY + timedelta(hours=1, minutes=35))).cleared) == 1


async def test_people_whose_moment_nobody_came_for_are_counted_by_zone(network: Network) -> None:
    async with network.database.begin() as session:
        await session.execute(update(Patient).where(Patient.id == "far").values(next_due=MONDAY, fault="KeyError"))
    assert not (await network.look(MONDAY + timedelta(minutes=30))).raised  # one alone may have a reason of its own
    await network.look(MONDAY + timedelta(minutes=55))
    assert await network.standing() == [("not_stepped", "Asia/Kathmandu", "steps_fail")]


@pytest.mark.parametrize(
    ("status", "arrived", "cause"), [("handed", "", "no_reports"), ("failed", "undelivered", "refused_on_the_way")]
)
async def test_messages_that_are_taken_and_do_not_arrive_are_seen_within_the_hour(
    network: Network, status: str, arrived: str, cause: str
) -> None:
    await network.hour(MONDAY + timedelta(hours=1), status=status, arrived=arrived)
    await network.look(MONDAY + timedelta(hours=1, minutes=59))
    assert await network.standing() == [("not_arriving", "twilio", cause)]


async def test_messages_too_young_to_have_been_reported_are_not_missed(network: Network) -> None:
    await network.hour(MONDAY + timedelta(hours=1), arrived="")
    async with network.database.begin() as session:  # all of them went out at once, five minutes ago
        await session.execute(update(Attempt).values(at=MONDAY + timedelta(hours=1, minutes=50)))
    assert not (await network.look(MONDAY + timedelta(hours=1, minutes=55))).raised


async def test_a_week_with_ten_times_as_many_messages_does_not_make_the_next_one_look_poor(network: Network) -> None:
    for hour in OPEN:  # a roster was taken in on the Monday before
        await network.hour(MONDAY + timedelta(days=-7, hours=hour), teams={team: 10 * many for team, many in EACH_HOUR.items()})
    await network.counted(MONDAY - timedelta(days=7), MONDAY - timedelta(days=6))
    await network.hour(MONDAY + timedelta(hours=1))
    assert not (await network.look(MONDAY + timedelta(hours=1, minutes=55), thoroughly=True)).raised


async def test_a_day_on_which_the_network_texts_nobody_is_no_trouble(network: Network) -> None:
    async with network.database.begin() as session:
        session.add(ContactRulesRow(network_id="net", body={"quiet_dates": ["2025-03-31"]}, changed=MONDAY - timedelta(days=9)))
    assert not (await network.look(MONDAY + timedelta(hours=3, minutes=50), thoroughly=True)).raised


async def test_hours_in_which_housekeeping_was_away_do_not_look_as_if_nothing_was_planned(network: Network) -> None:
    await network.day(MONDAY)
    assert not (await network.look(MONDAY + timedelta(hours=12, minutes=5), thoroughly=True)).raised
    async with network.database.reading() as session:
        counted = await TrafficCounts(session).by_team([MONDAY + timedelta(hours=hour) for hour in OPEN], list(TEAMS))
    assert counted == {team: 4 * many for team, many in EACH_HOUR.items()}


async def test_weeks_that_nobody_counted_are_counted_whole_once_somebody_does(network: Network) -> None:
    """A driven clock leaps over them, or housekeeping was away; the overview tells of the texts of thirty days."""
    days = [MONDAY + timedelta(days=day) for day in (0, 1, 8, 15)]
    for day in days:
        await network.day(day)
    await network.look(MONDAY + timedelta(days=20))
    async with network.database.reading() as session:
        hours = [day + timedelta(hours=hour) for day in days for hour in OPEN]
        counted = await TrafficCounts(session).by_team(hours, list(TEAMS))
    assert counted == {team: 16 * many for team, many in EACH_HOUR.items()}


async def test_what_has_become_ten_times_worse_is_told_anew(network: Network) -> None:
    await network.hour(MONDAY + timedelta(hours=1), status="planned", arrived="", teams={"north": 3})
    (alert,) = [one for one in (await network.look(MONDAY + timedelta(hours=2))).raised if one.kind == "not_handed_over"]
    async with network.database.begin() as session:
        await session.execute(update(Alert).values(told=MONDAY, seen=MONDAY, seen_by="somebody"))
    await network.hour(MONDAY + timedelta(hours=1), status="planned", arrived="")
    (again,) = (await network.look(MONDAY + timedelta(hours=2, minutes=5))).raised
    assert (again.id, again.told, again.seen, again.body["told_of"]) == (alert.id, None, None, 68)
    assert not (await network.look(MONDAY + timedelta(hours=2, minutes=10))).raised


async def test_answers_that_dry_up_are_seen(network: Network) -> None:
    async with network.database.begin() as session:
        rows = [
            {"patient_id": "north", "seq": n, "event_id": f"a{n}", "kind": "answer_received", "at": at, "learnt": at, "sealed": b""}
            for n, at in enumerate(MONDAY - timedelta(days=7 * week, hours=-1, minutes=n) for week in (1, 2, 3) for n in range(40))
        ]
        await session.execute(insert(EventRow), rows)
    await network.day(MONDAY)
    await network.look(MONDAY + timedelta(hours=5), thoroughly=True)
    assert await network.standing() == [("answered_fewer", "all", "check_inbound_webhook")]


async def test_a_new_installation_has_nothing_to_compare_with_and_says_nothing(network: Network) -> None:
    async with network.database.begin() as session:
        await session.execute(delete(Delivery))
    await network.counted(MONDAY - timedelta(days=28), MONDAY)
    assert not (await network.look(MONDAY + timedelta(hours=2, minutes=50), thoroughly=True)).raised


async def test_a_webhook_hears_of_it_once_signed_and_again_when_it_is_over(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, bytes]] = []
    answers = [500, 200, 200]

    def receive(request: httpx.Request) -> httpx.Response:
        heard.append((request.headers[SIGNATURE], request.content))
        return httpx.Response(answers.pop(0))

    plain = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **said: plain(transport=httpx.MockTransport(receive), **said))
    alerting = Alerting(network.database, Seeing(), "https://ops.example/hook", "s3cret")
    looked = await network.look(MONDAY + timedelta(hours=1, minutes=55))
    alerting.say(looked.raised, looked.cleared)
    assert (await alerting.tell(), await alerting.tell(), await alerting.tell()) == (0, 1, 0)
    assert await alerting.count() == 1
    for hour in OPEN:
        await network.hour(MONDAY + timedelta(hours=hour))
    await network.look(MONDAY + timedelta(hours=4, minutes=55))
    assert await alerting.tell() == 1
    told = [json.loads(body) for _, body in heard]
    assert [one["state"] for one in told] == ["raised", "raised", "cleared"]
    assert len({one["id"] for one in told}) == 1
    for signed, body in heard:
        at = datetime.fromtimestamp(int(signed[2:].split(",")[0]), UTC)
        assert signed == signature(["s3cret"], body, at=at)
    async with network.database.reading() as session:
        (alert,) = await session.scalars(select(Alert))
    assert "patient" not in json.dumps(message_of(alert))
