"""How Tasks may move: whatever is asked for, in whatever order, they keep to HL7's rules and agree with REST's stages."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import product

import pytest

from api.fhir.differing import Wish, same, wish
from api.fhir.kinds import Refused
from api.fhir.transitions import NEXT, REFERRAL, REFILL, could_become, may_become, shown, task_status
from api.fhir.wishes import Move, care_move, referral_move, refill_move
from records import referrals, refills
from tests.api.conftest import Network
from tests.api.fhir.test_fhir_writes import business, fhir, merges, output
from tests.api.test_changes import referred

STATUSES = (*NEXT, "completed", "failed", "rejected", "cancelled", "entered-in-error")
BUSINESS = ("", "more-asked", "booked", "not-attended", "attended", "sent-back", "ready-for-pickup", "out-of-stock", "nonsense")
SAID = (
    {},
    {"day": date(2025, 3, 6)},
    {"reason": "no bed"},
    {"notes": ("Which?",)},
    {"reports": ("Well.",)},
    {"instructions": ("Weekly.",)},
)
STAGE = {
    "receive": "received", "accept": "accepted", "refuse": "refused", "ask-more": "more_asked", "book": "booked",
    "start": "in_progress", "attended": "attended", "not-attended": "not_attended", "complete": "completed",
    "send-back": "sent_back", "aborted": "aborted", "ready": "ready", "out-of-stock": "out_of_stock",
}  # fmt: skip


def _tried(make: Callable[[], Move | None]) -> Move | None:
    """None where the move is refused; which says where."""
    try:
        return make()
    except Refused as refused:
        found = refused
    assert (found.status, bool(found.where)) == (422, True)
    return None


def test_every_move_from_every_stage_keeps_to_the_rules_and_is_one_that_rest_knows() -> None:
    standing = [(stage, "") for stage in REFERRAL] + [
        ("more_asked", stage) for stage in ("received", "accepted", "booked", "attended")
    ]
    seen: set[tuple[str, str]] = set()
    for (stage, goes_on), status, said_business, said in product(standing, STATUSES, BUSINESS, SAID):
        was = shown("referral", stage, goes_on)
        move = _tried(partial(referral_move, was, Wish(status, said_business, **said)))  # type: ignore[arg-type]
        if move is None or move.verb in ("cancel", "reply"):
            continue
        to = STAGE[move.verb]
        from_ = goes_on or stage
        assert to in referrals.MOVES
        if to == stage or from_ not in referrals.MOVES[to]:
            continue  # told again, or refused by REST's own rule
        seen.add((stage, to))
        then = shown("referral", to, "received" if stage == "requested" else from_)
        assert may_become("referral", was.status, then.status), (stage, goes_on, to)
        assert said_business in ("", then.business)
    assert {to for _, to in seen} == set(referrals.MOVES)  # every stage can be reached by a Task
    for stage, status, said_business, said in product(REFILL, STATUSES, BUSINESS, SAID):
        was = shown("refill", stage)
        supply = _tried(partial(refill_move, was, Wish(status, said_business, **said)))  # type: ignore[arg-type]
        if supply is not None and stage in refills.MOVES[STAGE[supply.verb]]:
            assert may_become("refill", was.status, shown("refill", STAGE[supply.verb]).status), (stage, supply)


def test_no_business_status_repeats_a_status_and_closed_tasks_stay_closed() -> None:
    statuses = {how.status for table in (REFERRAL, REFILL) for how in table.values()} | set(STATUSES)
    assert not statuses & {how.business for table in (REFERRAL, REFILL) for how in table.values() if how.business}
    for status in ("completed", "failed", "rejected", "cancelled"):
        assert could_become("referral", status) == could_become("refill", status) == ()
    for status, claimed in product(("open", "done", "not_needed"), (True, False)):
        was = task_status(status, claimed)
        for wanted in STATUSES:
            move = _tried(partial(care_move, was, Wish(wanted), ()))
            assert move is None or (status == "open" and move.verb in ("claim", "complete"))


def test_what_is_written_another_way_is_the_same() -> None:
    base = "https://cairn.example/fhir"
    assert same({"reference": "Patient/1", "display": "x"}, {"reference": f"{base}/Patient/1"}, base)
    assert same("2025-03-03T09:00:00.000Z", "2025-03-03T10:00:00+01:00")
    assert same([{"value": 1}], [{"value": 1.0}])
    assert not same("2025-03-03", "2025-03-04")
    assert not same([{"value": 1}], [])
    with pytest.raises(Refused):
        wish(
            {"resourceType": "Task", "status": "requested"},
            {"resourceType": "Task", "status": "requested", "priority": "stat"},
            None,
        )


async def test_a_random_walk_of_updates_stays_within_the_rules_and_with_rest(network: Network) -> None:
    by_chance = random.Random(2025)
    for n in range(2):
        id_ = await referred(network, n)
        was = "requested"
        for _ in range(14):
            changes = {"status": by_chance.choice(STATUSES)} if by_chance.random() < 0.8 else {}
            if by_chance.random() < 0.4:
                changes |= {"businessStatus": business(by_chance.choice(BUSINESS[1:]))}  # type: ignore[dict-item]
            changes |= by_chance.choice(
                (
                    {},
                    {"executionPeriod": {"start": f"2025-03-{by_chance.randint(4, 28):02}"}},  # type: ignore[dict-item]
                    {"note": [{"text": f"Which? {by_chance.random()}"}]},  # type: ignore[dict-item]
                    {"output": [output(by_chance.choice(("report", "instructions")), "Well.")]},  # type: ignore[dict-item]
                )
            )
            key = by_chance.choice(("hospital-1", "hospital-1", "coordinator"))
            answer = await merges(network, id_, key, **changes)
            assert answer.status_code in (200, 403, 409, 422), answer.text
            task = (await fhir(network, "GET", f"Task/{id_}")).json()
            assert may_become("referral", was, task["status"]), (was, changes, task["status"])
            if answer.status_code != 200:
                assert task["status"] == was
            stage = (await network.get(f"/referrals/{id_}", "coordinator")).json()["stage"]
            how = shown("referral", stage) if stage != "more_asked" else None
            assert how is None or (task["status"], how.business) == (how.status, _business(task))
            was = task["status"]
            if was in ("completed", "rejected", "cancelled"):
                break


def _business(task: dict[str, object]) -> str:
    concept = task.get("businessStatus")
    return str(concept["coding"][0]["code"]) if isinstance(concept, dict) else ""
