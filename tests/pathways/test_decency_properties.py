"""Over every time zone there is, its daylight saving, windows, quiet days and moves: never outside the window, never twice, and
never skipped without a reason.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import CALM, plan
from texting import Texted, by, is_decent

from pathways.engine import calendar, events, marks, useful
from pathways.engine.plan import ContactRules, Plan
from pathways.engine.state import Occurrence
from pathways.engine.turn import Turn

ZONES = sorted(available_timezones() - {"localtime"})
#: Offsets of 45 and 30 minutes, half an hour of daylight saving, two hours of it, midnight gaps, both sides of the date line.
ODD = ["Asia/Kathmandu", "Pacific/Chatham", "Australia/Eucla", "Australia/Lord_Howe", "Antarctica/Troll", "America/Santiago"]
ODD += [
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Havana",
    "Pacific/Apia",
    "Pacific/Honolulu",
    "Pacific/Kiritimati",
]
NOT_SENT = ("not_sent", "called_instead")

a_lot = settings(max_examples=300, derandomize=True, deadline=None, database=None)
some = settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

zones = st.one_of(st.sampled_from(ODD), st.sampled_from(ZONES))
_FIRST, _LAST = datetime(1970, 1, 1), datetime(2037, 12, 31)  # noqa: DTZ001 - hypothesis gives them their zone
moments = st.datetimes(_FIRST, _LAST, timezones=st.just(UTC))


@st.composite
def rules(draw: st.DrawFn, *, anywhere: bool = False) -> ContactRules:
    """Rules that a network may write down; ``anywhere``: windows at night too, where daylight saving changes."""
    opens = draw(st.integers(0, 21 * 60)) if anywhere else draw(st.integers(6 * 60, 20 * 60))
    window = draw(st.integers(120, max(120, min(14 * 60, 22 * 60 - opens))))
    closes = min(opens + window, 24 * 60 - 1)
    return ContactRules(
        opens=time(opens // 60, opens % 60),
        closes=time(closes // 60, closes % 60),
        spread_minutes=draw(st.integers(0, closes - opens - 1)),
        weekly_cap=7,
        quiet_weekdays=draw(st.frozensets(st.integers(0, 6), max_size=4)),
        quiet_dates=draw(st.frozensets(st.dates(date(2025, 3, 1), date(2026, 3, 31)), max_size=20)),
    )


@a_lot
@given(moments, zones, rules(anywhere=True))
def test_the_next_moment_is_decent_and_lies_ahead_whatever_the_clocks_do(
    after: datetime, zone: str, by_rules: ContactRules
) -> None:
    found = calendar.next_contact("p-1", after, zone, by_rules)
    assert found is not None
    assert found > after
    assert is_decent(found, zone, by_rules)
    assert calendar.is_decent(found, zone, by_rules)
    assert found - after < timedelta(days=20)


@a_lot
@given(st.dates(date(2025, 1, 1), date(2037, 12, 1)), zones, rules())
def test_every_day_has_its_moment_within_the_window_of_that_day(day: date, zone: str, by_rules: ContactRules) -> None:
    """No daylight saving of today moves the clocks within a window that a network may write down."""
    local = calendar.contact_moment("p-1", day, zone, by_rules).astimezone(ZoneInfo(zone))
    assert local.date() == day
    assert by_rules.opens <= local.time() < by_rules.closes


@a_lot
@given(st.dates(date(2025, 3, 1), date(2026, 3, 31)), st.integers(0, 10), zones, rules())
def test_a_reminder_s_day_is_never_quiet_nor_too_late(day: date, ahead: int, zone: str, by_rules: ContactRules) -> None:
    before = day + timedelta(days=ahead) if ahead else None
    at = calendar.reminder_moment("p-1", day, before, zone, by_rules)
    assert is_decent(at, zone, by_rules)
    assert before is None or at.astimezone(ZoneInfo(zone)).date() < before


def test_nobody_s_moment_leaves_the_window_on_a_day_on_which_the_clocks_change_within_it() -> None:
    forward, back = date(2025, 3, 30), date(2025, 10, 26)  # 02:00 becomes 03:00, 03:00 becomes 02:00
    for day, opens, closes in (
        (forward, time(1, 30), time(3, 40)),
        (forward, time(2, 30), time(4, 45)),
        (back, time(2, 30), time(5)),
    ):
        narrow = ContactRules(opens=opens, closes=closes, spread_minutes=119)
        for n in range(300):
            moment = calendar.contact_moment(f"p-{n}", day, "Europe/Berlin", narrow)
            assert is_decent(moment, "Europe/Berlin", narrow), (day, opens, moment)


def test_a_morning_of_many_patients_is_spread_over_the_window() -> None:
    moments = [calendar.contact_moment(f"p-{n}", date(2025, 3, 10), "Asia/Shanghai", ContactRules()) for n in range(9_000)]
    per_minute = Counter(moments)
    assert len(per_minute) == 90
    assert max(per_minute.values()) < 150  # a hundred, were it even


moves = st.lists(st.tuples(st.integers(1, 364 * 24), zones), max_size=6)


@some
@given(zones, rules(), moves, st.integers(0, 2))
def test_a_year_of_texts_is_decent_at_each_step_with_nothing_twice_and_nothing_skipped_in_silence(
    zone: str, by_rules: ContactRules, moving: list[tuple[int, str]], comes: int
) -> None:
    patient = Texted.enrolled(_following(by_rules), timezone=zone)
    begin, ledger = patient.state.clock, _Ledger(patient)
    assert begin is not None
    for hours, to in sorted(moving):
        ledger.until(begin + timedelta(hours=hours))
        patient.happens(events.PersonChanged, begin + timedelta(hours=hours), timezone=to)
        if comes and hours % 3 < comes:
            patient.happens(events.VisitCompleted, begin + timedelta(hours=hours, minutes=5), readings=CALM)
        ledger.look()
    ledger.until(begin + timedelta(days=365))
    for moment, lives_in, message in patient.sent:
        assert message.urgent or is_decent(moment, lives_in, by_rules)
        assert message.urgent or message.not_after.astimezone(ZoneInfo(lives_in)).time() <= by_rules.closes
    assert not [said for said, often in patient.counted().items() if often > 1]
    waits = Counter(waiting.template for waiting in patient.state.waiting)
    assert ledger.begun == ledger.said() + waits
    assert len({message.key for _, _, message in patient.sent}) == len(patient.sent)


@some
@given(zones, rules())
def test_the_texts_of_a_calm_year_are_those_of_the_plan(zone: str, by_rules: ContactRules) -> None:
    """Whoever comes on the booked day is told of it before and on the day, as often as they come."""
    patient = Texted.enrolled(_following(by_rules), timezone=zone)
    came = []
    for _ in range(4):
        day = _follow_up(patient).day
        patient.happens(events.VisitCompleted, patient.moment(day, time(22, 30)), readings=CALM)
        came.append(day)
    soon, today = ((len(patient.told(text)), len(patient.why_not(text))) for text in ("visit_soon", "visit_today"))
    assert soon == (len(came), 0)
    assert today == (len(came), 0)
    assert patient.told("visit_missed") == []
    assert all(local.date() < day for local, day in zip(patient.told("visit_soon"), came, strict=True))


def _following(by_rules: ContactRules) -> Plan:
    """The hypertension pathway alone, by these rules."""
    return by(**{name: getattr(by_rules, name) for name in ContactRules.__slots__})


def _follow_up(patient: Texted) -> Occurrence:
    return patient.state.courses["hypertension"].services["follow_up"]


class _Ledger:
    """Every text that the plan began for the patient, found by the marks it left."""

    def __init__(self, patient: Texted) -> None:
        self.patient = patient
        self.seen: set[tuple[str, int, str]] = set()
        self.begun: Counter[str] = Counter()

    def until(self, moment: datetime) -> None:
        """Let time pass, looking after each day."""
        clock = self.patient.state.clock
        assert clock is not None
        while clock < moment:
            clock = min(clock + timedelta(days=1), moment)
            self.patient.until(clock)
            self.look()

    def look(self) -> None:
        """Count what was begun since; what lies behind is either done or was not to be."""
        patient, pathway = self.patient, plan().pathways["hypertension"]
        turn = Turn(patient.plan, patient.state, patient.state.clock or datetime.now(UTC), looks=True)
        for name, one in patient.state.courses["hypertension"].services.items():
            service = pathway.services[name]
            texts = {marks.of_reminder(reminder): reminder for reminder in service.remind}
            for mark, reminder in texts.items():
                if mark in one.marks and (name, one.n, mark) not in self.seen:
                    self.seen.add((name, one.n, mark))
                    self.begun[reminder.send] += 1
                at = useful.reminds_at(turn, one.day, reminder.offset)
                lies_behind = one.since <= at < turn.now - timedelta(days=1)
                assert mark in one.marks or not lies_behind or patient.state.reach != "reachable", (name, mark)

    def said(self) -> Counter[str]:
        """What went out, and what did not with its reason."""
        patient = self.patient
        sent = [part.template for _, _, message in patient.sent if message.to == "patient" for part in message.parts]
        not_sent = [
            template for reason in patient.reasons if reason.code in NOT_SENT for template in reason.detail["template"].split(", ")
        ]
        return Counter(text for text in (*sent, *not_sent) if text in self.begun)
