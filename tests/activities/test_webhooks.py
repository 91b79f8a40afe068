"""Whoever asked to be told of changes is told of each, in order, once by its id: whatever becomes of their server meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from receiver import Receiver, receiving

from activities.webhooks.pushing import GIVEN_UP_AFTER, PushActivities
from activities.webhooks.reaching import NotAllowed, Reaching, check
from records.clock import Clock
from records.database import Database
from records.feed import Feed
from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Organisation, ReferralRow, Webhook
from records.vault import PersonVault, Vault
from records.webhooks import Kept, Webhooks, new_secret, sealed
from workflows.contract import Push, Pushed

VAULT = Vault(bytes(range(32)))
START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)
HERE = ("127.0.0.1",)


@dataclass
class Pushing:
    """A hospital with a receiver, and referrals to it."""

    database: Database
    activities: PushActivities
    receiver: Receiver
    patient: str
    person: PersonVault
    hook: str = ""
    secret: str = ""

    async def hook_at(self, url: str, **more: Any) -> tuple[str, str]:
        async with self.database.begin() as session:
            hook, secret = await Webhooks(session).add(VAULT, "h0", url, wanted=more.get("wanted", ()), by="key", at=START)
            return hook.id, secret

    async def change(self, request: str, stage: str = "requested") -> None:
        """A referral comes (``requested``) or moves."""
        async with self.database.begin() as session:
            now = await self.activities.clock.now(session)
            held = await session.get(ReferralRow, (self.patient, request))
            if held is None:
                row = ReferralRow(
                    patient_id=self.patient,
                    key=request,
                    id=request,
                    referral=request,
                    place_id="h0",
                    urgency="routine",
                    stage=stage,
                    asked=now,
                    changed=now,
                    sealed=self.person.seal(f"referral/{request}", {"row": "HTN-R3"}),
                )
                await Feed(session).came(row, self.person)
            else:
                held.stage, held.changed = stage, now
                await Feed(session).moved(held, self.person)

    async def later(self, **by: float) -> None:
        async with self.database.begin() as session:
            await self.activities.clock.move(session, await self.activities.clock.now(session) + timedelta(**by))

    async def push(self, hook: str = "") -> Pushed:
        return await self.activities.push(Push(hook or self.hook))

    async def stands(self) -> Webhook:
        async with self.database.reading() as session:
            return await session.get_one(Webhook, self.hook)

    async def counts(self) -> dict[str, int]:
        async with self.database.reading() as session:
            return (await Webhooks(session).counts([self.hook])).get(self.hook, {})


@pytest.fixture
async def pushing(database: Database) -> AsyncIterator[Pushing]:
    clock = Clock()
    async with database.begin() as session:
        await clock.drive(session, START)
        session.add(Organisation(id="n", kind="network", name="Network", network_id="n"))
        await session.flush()
        session.add(Organisation(id="h0", kind="hospital", name="Hospital", network_id="n", parent_id="n"))
        await session.flush()
        session.add(CareTeam(id="team-1", organisation_id="n", name="Team"))
        await session.flush()
        born = START.date().replace(year=1960)
        profile = Profile(family="Wang", given="Xiuying", shown="Xiuying Wang", born=born, phone="+8613900000001")
        patient, person = await Patients(session, VAULT).add(
            NewPatient(profile, "team-1", "en", "Asia/Shanghai", {"hypertension": "v1"}), at=START
        )
    async with receiving() as receiver, httpx.AsyncClient(trust_env=False) as http:
        activities = PushActivities(database, VAULT, clock, Reaching(http, HERE), "https://cairn.example")
        there = Pushing(database, activities, receiver, patient.id, person)
        there.hook, there.secret = await there.hook_at(receiver.url)
        yield there


async def test_each_change_arrives_once_and_a_request_in_its_order(pushing: Pushing) -> None:
    for n in range(12):
        await pushing.change(f"r{n}")
    for n in range(12):
        await pushing.change(f"r{n}", "received")
    assert await pushing.push() == Pushed(taken=24, more=False)
    assert sorted(pushing.receiver.numbers) == list(range(1, 25))
    assert [pushing.receiver.of(f"r{n}") for n in range(12)] == [[1, 2]] * 12
    assert await pushing.push() == Pushed(taken=0, more=False)
    assert len(pushing.receiver.asked) == 24


async def test_a_push_is_signed_says_where_to_look_and_nothing_of_the_person(pushing: Pushing) -> None:
    await pushing.change("r1")
    await pushing.push()
    ((headers, body),) = pushing.receiver.asked
    stamp, signed = headers["cairn-signature"].split(",")
    seconds = stamp.removeprefix("t=")
    assert signed == "v1=" + hmac.new(pushing.secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["cairn-delivery"] == "h0/1"
    told = pushing.receiver.kept["h0/1"]
    assert told["href"] == "https://cairn.example/api/v1/referrals/r1"
    assert set(told) == {"id", "n", "place", "kind", "request", "version", "stage", "at", "href"}


async def test_while_a_secret_is_replaced_both_sign_until_the_old_one_ends(pushing: Pushing) -> None:
    newer = new_secret()
    async with pushing.database.begin() as session:
        hook = await session.get_one(Webhook, pushing.hook)
        hook.sealed = sealed(VAULT, hook.id, Kept((newer, pushing.secret), (START + timedelta(days=1)).isoformat()))
    await pushing.change("r1")
    await pushing.push()
    await pushing.later(days=1)
    await pushing.change("r1", "received")
    await pushing.push()
    both, one = (headers["cairn-signature"] for headers, _ in pushing.receiver.asked)
    assert (both.count("v1="), one.count("v1=")) == (2, 1)


async def test_a_server_that_is_down_for_three_days_gets_everything_once_it_is_well_and_is_left_alone_meanwhile(
    pushing: Pushing,
) -> None:
    pushing.receiver.behaves = lambda _: 503
    for hour in range(72):
        await pushing.change(f"r{hour % 10}", "requested" if hour < 10 else f"stage_{hour}")
        await pushing.push()
        await pushing.later(hours=1)
    assert pushing.receiver.kept == {}
    assert len(pushing.receiver.asked) < 45, "it is asked with one push at a time, and less and less often"
    pushing.receiver.behaves = lambda _: 200
    await pushing.later(hours=4)
    await pushing.push()
    assert sorted(pushing.receiver.numbers) == list(range(1, 73))
    assert all(versions == sorted(versions) for versions in (pushing.receiver.of(f"r{n}") for n in range(10)))
    assert ((await pushing.stands()).failures, await pushing.counts()) == (0, {})


async def test_a_server_that_is_away_for_more_than_a_week_rests_until_somebody_looks_and_nothing_is_lost(pushing: Pushing) -> None:
    pushing.receiver.behaves = lambda _: 500
    await pushing.change("r1")
    while (await pushing.stands()).status == "active":
        await pushing.push()
        await pushing.later(hours=3)
    stands = await pushing.stands()
    assert stands.status == "failing"
    assert stands.failing_since is not None
    async with pushing.database.reading() as session:
        assert await pushing.activities.clock.now(session) - START >= GIVEN_UP_AFTER
    assert await pushing.counts() == {"waiting": 1}
    pushing.receiver.behaves = lambda _: 200
    async with pushing.database.begin() as session:
        hook = await session.get_one(Webhook, pushing.hook)
        hook.status, hook.failures, hook.failing_since, hook.resting_until = "active", 0, None, None
    await pushing.push()
    assert pushing.receiver.numbers == [1]


async def test_a_push_that_is_refused_holds_up_its_own_request_only_and_stands_among_the_failed_after_a_week(
    pushing: Pushing,
) -> None:
    pushing.receiver.behaves = lambda told: 422 if told["request"] == "bad" and told["version"] == 1 else 200
    await pushing.change("bad")
    await pushing.change("bad", "received")
    await pushing.change("good")
    await pushing.push()
    assert (pushing.receiver.of("good"), pushing.receiver.of("bad")) == ([1], [])
    for _ in range(9):
        await pushing.later(days=1)
        await pushing.push()
    assert pushing.receiver.of("bad") == [2]
    assert await pushing.counts() == {"failed": 1}
    pushing.receiver.behaves = lambda _: 200
    async with pushing.database.begin() as session:
        assert await Webhooks(session).again(pushing.hook, await pushing.activities.clock.now(session)) == 1
    await pushing.push()
    assert sorted(pushing.receiver.of("bad")) == [1, 2]


async def test_a_server_that_takes_and_says_otherwise_gets_the_same_id_again(pushing: Pushing) -> None:
    seen: list[str] = []

    def lies(told: dict[str, Any]) -> int:
        seen.append(told["id"])
        return 500 if len(seen) == 1 else 200

    pushing.receiver.behaves = lies
    await pushing.change("r1")
    await pushing.push()
    await pushing.later(minutes=1)
    await pushing.push()
    assert seen == ["h0/1", "h0/1"]


async def test_a_slow_server_slows_nobody_else(pushing: Pushing) -> None:
    awaited = asyncio.Event()

    async def never(_: dict[str, Any]) -> int:
        await awaited.wait()
        return 200

    await pushing.change("r0")  # known before the second receiver asks to be told
    async with receiving() as slow:
        slow.behaves = never
        other, _ = await pushing.hook_at(slow.url)
        await pushing.change("r1")
        stuck = asyncio.create_task(pushing.push(other))
        assert (await pushing.push()).taken == 2
        awaited.set()
        assert (await stuck).taken == 1


async def test_a_server_that_answers_too_late_is_away(pushing: Pushing) -> None:
    async def never(_: dict[str, Any]) -> int:
        await asyncio.Event().wait()
        return 200

    pushing.receiver.behaves = never
    reaching = Reaching(pushing.activities.reaching.http, HERE, seconds=0.05)
    await pushing.change("r1")
    answer = await reaching.post(pushing.receiver.url, b'{"id": "h0/1"}', {})
    assert (answer.outcome, answer.reason) == ("away", "too_slow")


async def test_who_is_gone_is_not_asked_again(pushing: Pushing) -> None:
    pushing.receiver.behaves = lambda _: 410
    await pushing.change("r1")
    await pushing.push()
    await pushing.later(days=1)
    await pushing.push()
    assert ((await pushing.stands()).status, len(pushing.receiver.asked)) == ("gone", 1)


async def test_nobody_is_led_elsewhere_by_a_redirect(pushing: Pushing) -> None:
    pushing.receiver.behaves = lambda _: 307
    await pushing.change("r1")
    await pushing.push()
    assert (len(pushing.receiver.asked), (await pushing.stands()).reason) == (1, "redirected")


async def test_only_the_kinds_of_change_that_were_asked_for_are_told(pushing: Pushing) -> None:
    refills, _ = await pushing.hook_at(pushing.receiver.url, wanted=("refill",))
    await pushing.change("r1")
    assert (await pushing.push(refills)).taken == 0
    assert pushing.receiver.asked == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://clinic.example/push", "not encrypted"),
        ("https://127.0.0.1/push", "our own network"),
        ("https://10.1.2.3/push", "our own network"),
        ("https://169.254.169.254/latest", "our own network"),
        ("https://[::1]/push", "our own network"),
        ("https://[::ffff:10.0.0.1]/push", "our own network"),
        ("https://user:secret@clinic.example/push", "name or a password"),
        ("ftp://clinic.example/push", "no address of the web"),
        ("clinic.example", "no address of the web"),
        ("https://", "no address of the web"),
    ],
)
def test_an_address_that_nothing_may_be_pushed_to_is_refused_with_its_reason(url: str, says: str) -> None:
    with pytest.raises(NotAllowed, match=says):
        check(url)


async def test_a_name_that_leads_into_our_own_network_is_not_followed(pushing: Pushing) -> None:
    port = pushing.receiver.url.split(":")[2].split("/")[0]
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await Reaching(http).post(f"https://localhost:{port}/push", b"{}", {})
    assert (answer.outcome, answer.reason, pushing.receiver.asked) == ("away", "not_allowed", [])
