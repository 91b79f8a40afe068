"""Stories as they come and as they must not come: events at random, the odd ones among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from pathways.engine import Outcome, State, events, next_due, step
from pathways.engine.commands import BookVisit
from pathways.engine.events import AnyEvent, Fill, Known
from pathways.engine.plan import Plan
from pathways.language.catalogue import library
from pathways.language.limits import shipped_limits

BEGIN = datetime(2025, 1, 6, 8, tzinfo=UTC)
ZONES = ("Asia/Shanghai", "America/New_York", "Pacific/Auckland", "Nowhere/AtAll")
CONDITIONS = (("hypertension",), ("hypertension", "type2_diabetes"), ("type2_diabetes",), ())


@cache
def shipped_plan() -> Plan:
    """The pathways and the limits that we ship, as one plan."""
    return Plan(library().pathways(), limits=shipped_limits())


@dataclass(frozen=True)
class Move:
    """Something that happens ``after`` the event before, learnt ``late``; ``make`` gives it its fields by the state there is."""

    after: timedelta
    late: timedelta
    make: Callable[[State], tuple[type, dict[str, Any]]]


def _key(keys: list[str], index: int) -> str:
    return keys[index % len(keys)] if keys and index < 8 else "unknown#1"


pressures = st.fixed_dictionaries(
    {},
    optional={
        "sbp": st.sampled_from([118.0, 139.0, 152.0, 185.0]),
        "dbp": st.sampled_from([70.0, 89.0, 95.0, 115.0]),
        "symptoms": st.sampled_from([(), ("eye_pain",)]),
        "fasting_glucose": st.sampled_from([3.0, 6.5, 9.0, 17.0]),
        "no_such_reading": st.booleans(),
    },
)
calm = {
    "sbp": 128.0,
    "dbp": 78.0,
    **dict.fromkeys(("pregnant_or_lactating", "other_disease_cannot_handle", "adr", "adr_hard_to_control"), False),
    **dict.fromkeys(("new_complication", "worse_complication"), False),
    "symptoms": (),
}
readings = st.one_of(pressures, pressures.map(lambda some: {**calm, **some}))
index = st.integers(0, 9)
days = st.integers(-400, 400)
pathway_sets = st.sampled_from([("hypertension",), ("hypertension", "type2_diabetes"), ("type2_diabetes",), (), ("no_such",)])


def _with_day(now: State, offset: int) -> date:
    return ((now.clock or BEGIN) + timedelta(days=offset)).date()


def _booked(now: State, offset: int) -> date:
    """A day on which a visit is booked, if one is."""
    booked = [one.booked for course in now.courses.values() for one in course.services.values() if one.booked is not None]
    return booked[offset % len(booked)] if booked else _with_day(now, offset)


def _enrolled(pathways: tuple[str, ...], zone: str, offset: int, tag: str | None, conditions: tuple[str, ...]) -> Any:
    return lambda now: (
        events.Enrolled,
        {
            "pathways": pathways,
            "born": date(1950, 2, 28) if offset % 5 else None,
            "lacks": () if offset % 5 else ("birth_date",),
            "conditions": conditions,
            "timezone": zone,
            "tag": tag,
            "carer": offset % 2 == 0,
            "last_visit": _with_day(now, offset),
            "readings": {"sbp": Known(150.0, _with_day(now, offset))},
            "done": {"annual_exam": _with_day(now, -offset)},
            "fills": (Fill("amlodipine", _with_day(now, offset), 30), Fill("metformin", _with_day(now, -3), 28)),
        },
    )


enrolments = st.builds(
    _enrolled, pathway_sets, st.sampled_from(ZONES), days, st.sampled_from([None, "red", "odd"]), st.sampled_from(CONDITIONS)
)
stages = ["received", "accepted", "refused", "booked", "attended", "not_attended", "completed", "nowhere"]
stages += ["more_asked", "more_asked", "more_given", "sent_back", "in_progress", "placed", "cancelled", "abort_asked", "aborted"]


def _plain(cls: type, **fields: Any) -> Any:
    return lambda _: (cls, fields)


referral_moves = st.builds(
    lambda i, s, d, a: (
        lambda now: (
            events.ReferralMoved,
            {"referral": _key(list(now.referrals), i), "stage": s, "day": _with_day(now, d), "attempt": a},
        )
    ),
    index,
    st.sampled_from(stages),
    days,
    st.integers(0, 3),
)
errands = st.one_of(
    referral_moves,
    st.builds(
        lambda i, s: (
            lambda now: (events.RefillMoved, {"refill": _key([x.refill or "" for x in now.supplies.values()], i), "stage": s})
        ),
        index,
        st.sampled_from(["received", "ready", "out_of_stock", "refused", "nowhere", "cleared"]),
    ),
    st.builds(
        lambda i, s: (
            lambda now: (
                events.RefillMoved,
                {
                    "refill": _key([x.refill or "" for x in now.supplies.values()], i),
                    "stage": "substitute_proposed",
                    "substitute": s,
                },
            )
        ),
        index,
        st.sampled_from(["felodipine", "nifedipine", "water"]),
    ),
    st.builds(
        lambda i, a: (
            lambda now: (
                events.SubstituteDecided,
                {"refill": _key([x.refill or "" for x in now.supplies.values()], i), "approved": a},
            )
        ),
        index,
        st.booleans(),
    ),
    st.builds(
        lambda m, d, n, p: lambda now: (events.Dispensed, {"fill": Fill(m, _with_day(now, d), n), "part": p}),
        st.sampled_from(["amlodipine", "metformin", "water"]),
        st.integers(-40, 5),
        st.sampled_from([0, 14, 30, 90, 5000]),
        st.booleans(),
    ),
    st.builds(
        lambda i, d: (
            lambda now: (
                events.TaskPostponed,
                {"task": _key(list(now.tasks), i), "until": _with_day(now, d), "reason": "no_answer"},
            )
        ),
        index,
        days,
    ),
    st.builds(lambda i: lambda now: (events.TaskHandedOver, {"task": _key(list(now.tasks), i), "to": "doctor"}), index),
)
happenings = st.one_of(
    enrolments,
    st.builds(
        lambda r, d: _plain(events.VisitCompleted, readings=r, done=d), readings, st.sampled_from([(), ("annual_exam", "odd")])
    ),
    st.builds(lambda r: _plain(events.VisitCompleted, readings=r), readings),
    st.builds(
        lambda r, s: _plain(events.ReadingReceived, readings=r, source=s),
        readings,
        st.sampled_from(["home", "laboratory", "hospital", "staff"]),
    ),
    st.builds(
        lambda s, r: _plain(events.ServiceCompleted, service=s, readings=r), st.sampled_from(["annual_exam", "odd"]), pressures
    ),
    st.builds(
        lambda o, d: lambda now: (events.CallMade, {"outcome": o, "day": _with_day(now, d) if d % 3 else None}),
        st.sampled_from(["reached", "no_answer", "wrong_number", "refused"]),
        st.integers(-5, 60),
    ),
    st.builds(
        lambda i, o: lambda now: (events.TaskClosed, {"task": _key(list(now.tasks), i), "outcome": o}),
        index,
        st.sampled_from(["done", "found", "not_found", "declined", "stopped", "completed"]),
    ),
    st.builds(
        lambda i, a: lambda now: (events.ReferralDecided, {"referral": _key(list(now.referrals), i), "approved": a}),
        index,
        st.booleans(),
    ),
    errands,
    st.builds(
        lambda k, r: _plain(events.AnswerReceived, kind=k, readings=r),
        st.sampled_from(["confirm", "another_day", "stop", "start", "reading", "unclear", "whose", "danger", "text", "help"]),
        pressures,
    ),
    st.builds(
        lambda r, t, e: _plain(events.MessageFailed, key="message/odd", reason=r, to=t, elsewhere=e),
        st.sampled_from(["no_such_number", "opted_out", "too_late", "filtered", "place_closed"]),
        st.sampled_from(["patient", "carer", "on_call"]),
        st.booleans(),
    ),
    st.builds(lambda d: lambda now: (events.DayClosed, {"day": _booked(now, d), "closure": "closure/c"}), days),
    st.builds(lambda w: _plain(events.NumberGiven, who=w), st.sampled_from(["patient", "carer"])),
    st.builds(
        lambda w, k: _plain(events.NumberAnswered, who=w, kind=k),
        st.sampled_from(["patient", "carer"]),
        st.sampled_from(["unclear", "danger"]),
    ),
    st.builds(
        lambda w, h: _plain(events.NumberSettled, who=w, how=h),
        st.sampled_from(["patient", "carer"]),
        st.sampled_from(["confirmed", "refused", "withdrawn", "not_confirmed"]),
    ),
    st.builds(
        lambda r, i: (
            lambda now: (
                events.MessageFailed,
                {"key": _key([n.key for n in now.new_numbers], i), "reason": r, "to": "new_patient"},
            )
        ),
        st.sampled_from(["too_late", "filtered", "no_such_number"]),
        index,
    ),
    st.builds(lambda t: _plain(events.MessageArrived, key="message/odd", to=t), st.sampled_from(["patient", "carer", "on_call"])),
    st.builds(lambda r: _plain(events.TextsChosen, refused=r), st.sampled_from([(), ("reminders",), ("referrals", "refills")])),
    st.builds(
        lambda r: (
            lambda now: (
                events.MessageFailed,
                {"key": now.told[-1].key if now.told else "message/odd", "reason": r, "to": "patient"},
            )
        ),
        st.sampled_from(["too_late", "too_late", "filtered"]),
    ),
    st.builds(lambda d: lambda now: (events.VisitBooked, {"booking": "visit#1", "day": _with_day(now, d)}), days),
    st.builds(
        lambda p, c: _plain(events.PathwaysChanged, pathways=p, conditions=c), pathway_sets, st.sampled_from((None, *CONDITIONS))
    ),
    st.builds(
        lambda b, s: _plain(events.PersonChanged, born=b, sex=s),
        st.sampled_from([None, date(1931, 7, 1), date(2024, 2, 29)]),
        st.sampled_from([None, "female", "unknown"]),
    ),
    st.builds(
        lambda z, c, p: _plain(events.PersonChanged, timezone=z, conditions=c, phone=p),
        st.sampled_from(ZONES),
        st.sampled_from(CONDITIONS),
        st.sampled_from([None, True, False]),
    ),
    st.builds(lambda d: lambda now: (events.Paused, {"until": _with_day(now, d) if d % 2 else None}), days),
    st.sampled_from([events.Hospitalised, events.Discharged, events.Resumed, events.DueReached]).map(_plain),
    st.sampled_from([events.MovedAway, events.Withdrawn, events.Died, events.DueReached, events.DueReached]).map(_plain),
)
gaps = st.one_of(
    st.integers(0, 3).map(lambda n: timedelta(minutes=n * 7)),
    st.integers(1, 60).map(lambda n: timedelta(days=n, hours=n % 24)),
    st.sampled_from([timedelta(days=200), timedelta(days=1095)]),
)
lateness = st.sampled_from([timedelta()] * 5 + [timedelta(hours=30), timedelta(days=9), timedelta(days=-2)])
moves = st.builds(Move, gaps, lateness, happenings)
_first = st.builds(Move, st.just(timedelta()), st.just(timedelta()), enrolments)
_referred = [
    Move(timedelta(), timedelta(), _enrolled(("hypertension",), "Asia/Shanghai", -2, None, ("hypertension",))),
    Move(timedelta(days=1), timedelta(), _plain(events.VisitCompleted, readings={**calm, "adr_hard_to_control": True})),
]
_soon = st.builds(
    Move, st.integers(0, 9).map(lambda n: timedelta(days=n, hours=n)), lateness, st.one_of(errands, errands, happenings)
)
referred_lives = st.builds(lambda rest: [*_referred, *rest], st.lists(_soon, min_size=5, max_size=12))  # much said of one referral
lives = st.one_of(
    st.builds(lambda first, rest: [first, *rest], st.one_of(_first, _first, moves), st.lists(moves, max_size=14)),
    referred_lives,
)


@dataclass(frozen=True)
class Taken:
    """One step of a life: what was there, what happened, what came of it."""

    before: State
    event: AnyEvent
    outcome: Outcome


def live(
    life: list[Move], *, between: Callable[[State], State] = lambda state: state, timers: bool = True, plan: Plan | None = None
) -> Iterator[Taken]:
    """Lead ``life``: each move, bookings answered, and (``timers``) up to six due moments after it awaited."""
    plan = plan or shipped_plan()
    state, now, count = State("p-1"), BEGIN, 0

    def take(cls: type, at: datetime, learnt: datetime, fields: dict[str, Any]) -> Iterator[Taken]:
        nonlocal state, count
        count += 1
        event: AnyEvent = cls(id=f"e{count}", at=at, learnt=learnt, **fields)
        before = between(state)
        taken = Taken(before, event, step(plan, before, event))
        state = taken.outcome.state
        yield taken
        for command in taken.outcome.commands:
            if isinstance(command, BookVisit):
                day = max(command.earliest, command.latest - timedelta(days=2))
                yield from take(events.VisitBooked, learnt, learnt, {"booking": command.key, "day": day})

    for move in life:
        now += move.after
        cls, fields = move.make(state)
        yield from take(cls, now - move.late, now, fields)
        for _ in range(6 if timers else 0):
            due = next_due(plan, state)
            if due is None or due > now + timedelta(days=20):
                break
            now = max(now, due)
            yield from take(events.DueReached, due, now, {})
