"""What a patient is to be followed by: pathways as the compiler of the language hands them to the engine.

Rule 1: a plan is immutable, and holds no text that only people read beyond titles and reasons; wording lives with the language.
Rule 2: every day count is calendar days in the patient's own time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Literal

from pathways.engine.conditions import Expression
from pathways.engine.limits import NO_LIMITS, Limits

if TYPE_CHECKING:
    from pathways.engine.medication import Checks
    from pathways.engine.state import State

Text = Mapping[str, str]  # language code (en, zh-Hans ...) to wording

#: What somebody in the care team, or outside it, is asked for.
Role = Literal["health_manager", "doctor", "pharmacist", "coordinator", "on_call"]


@dataclass(frozen=True, slots=True)
class ByTag:
    """A number of days that may depend on the risk tag: ``ByTag({"red": 15, "green": 90})`` or the same for all."""

    days: Mapping[str, int] = field(default_factory=dict)
    always: int | None = None

    def on(self, tag: str | None) -> int:
        """Days for ``tag``; for a patient without a tag, the shortest that any tag allows."""
        if self.always is not None:
            return self.always
        return self.days[tag] if tag is not None and tag in self.days else min(self.days.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """Something measured or asked. ``optional``: taken only when indicated, so its absence says nothing."""

    name: str
    kind: Literal["number", "choices", "yes_no", "list"]
    unit: str | None = None
    loinc: tuple[str, ...] = ()
    plausible: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    label: Text = field(default_factory=dict)
    also_in: Mapping[str, float] = field(default_factory=dict)  # another unit, to how many of ``unit`` the guideline takes it for


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Work for a person: ``within`` days from the moment it is opened."""

    kind: str
    by: Role
    within: int = 0


@dataclass(frozen=True, slots=True)
class AskSpec:
    """Ask the outside service ``service`` for advice; what it says is looked at by ``by`` within so many days."""

    service: str
    by: Role = "doctor"
    within: int = 0


@dataclass(frozen=True, slots=True)
class ReferSpec:
    """Ask for a referral by the pathway's referral service ``service``.

    With ``confirm``, a clinician of that role decides first; after ``confirm_within`` without an answer it goes out by itself.
    """

    service: str
    urgency: str
    confirm: Role | None = None
    confirm_within: timedelta = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a row concludes, named by the specification's word (``ROUTINE``). ``tag`` None keeps the tag there is.

    ``advise``: by medicine, what it wants done: start, continue, raise, lower or stop. ``ask``: whose advice is asked; nothing
    waits for it.
    """

    name: str
    title: Text = field(default_factory=dict)
    tag: str | None = None
    within: int | None = None
    refer: ReferSpec | None = None
    open_tasks: tuple[TaskSpec, ...] = ()
    send: str | None = None
    alert: Role | None = None  # told at once, at any hour
    months: int | None = None  # for screening tables that speak in months; shown, and due in 30.4 days each
    advise: Mapping[str, str] = field(default_factory=dict)
    ask: AskSpec | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a decision table. ``incomplete`` marks the row that answers when the facts at hand decide nothing."""

    id: str
    decision: str
    when: Expression | None = None
    incomplete: bool = False
    because: Text = field(default_factory=dict)
    basis: str = "product"  # "spec", "product", or both in words
    cites: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """A value that a table answers with beside its decision. ``as_day``: the day so many days after the visit."""

    value: Expression
    as_day: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """First row that holds decides; ``gives`` are told with whatever it decides."""

    name: str
    rows: tuple[Row, ...]
    gives: Mapping[str, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Text the patient ``offset`` days from the day (negative: before). Sent only while the service is not done."""

    offset: int
    send: str


@dataclass(frozen=True, slots=True)
class Escalation:
    """What happens ``after`` days past the day without the service being done. ``again``: every so many days from then on."""

    after: ByTag
    open_task: TaskSpec | None = None
    send: str | None = None
    mark: Literal["unreachable"] | None = None
    again: int | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A recurring service. Which fields matter depends on ``kind``; the language's checks see to it that they are there."""

    name: str
    kind: Literal["follow_up", "screening", "referral", "refill", "message"]
    title: Text = field(default_factory=dict)
    by: Role = "health_manager"
    when: Expression | None = None  # whom it is for; None: everybody on the pathway
    # follow_up, screening, message
    every: ByTag = ByTag(always=365)
    first: int = 14  # days from enrolment, when nothing is known of the past
    early: ByTag = ByTag(always=0)  # how many days before its due day it may be booked
    opens: int = 0  # screening: days before due on which the task is opened
    collects: tuple[str, ...] = ()
    decide: str | None = None
    at_enrolment: str | None = None
    fresh: int = 90  # days for which a reading known at enrolment may decide
    remind: tuple[Reminder, ...] = ()
    if_missed: tuple[Escalation, ...] = ()
    send: str | None = None  # message
    # refill
    request: int = 7  # days of supply left when it is asked for
    medicines: tuple[str, ...] = ()
    # referral
    to: Literal["hospital", "centre", "clinic"] = "hospital"
    answer_within: Mapping[str, timedelta] = field(default_factory=dict)  # urgency to how long silence is accepted
    check_back: int = 14
    says: Mapping[str, str] = field(default_factory=dict)  # stage (requested, booked, ready ...) to message


@dataclass(frozen=True, slots=True)
class Pathway:
    """One version of one pathway, named by the hash of its text."""

    name: str
    version: str
    title: Text
    basis: str
    enrol_when: Expression
    tags: tuple[str, ...]  # worst first
    readings: Mapping[str, Reading]
    values: Mapping[str, Expression]  # derived, in the order in which they may use each other
    decisions: Mapping[str, Decision]
    tables: Mapping[str, Table]
    services: Mapping[str, Service]
    home_readings: str | None = None  # the table a reading sent from home goes through
    urgent_messages: frozenset[str] = frozenset()  # sent at any hour, never capped


@dataclass(frozen=True, slots=True)
class ContactRules:
    """When a patient may be texted, in their own time zone, and how often for routine matters.

    ``quiet_weekdays``: 0 is Monday; ``quiet_dates``: holidays and other days of the network on which nothing routine goes out.
    ``texts_need_consent``: who was never asked is called, as who has no phone.
    """

    opens: time = time(9, 0)
    spread_minutes: int = 90  # within which one patient's moment falls, so that nine o'clock is no storm
    closes: time = time(20, 0)
    weekly_cap: int = 4
    quiet_weekdays: frozenset[int] = frozenset()
    quiet_dates: frozenset[date] = frozenset()
    texts_need_consent: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """From ``first`` to ``last`` nobody is sent to a place, or for a medicine, by text.

    ``action``: ``hold`` (until it is over, then gradually: the worst tag on the first day, the others over the ``spread_days``
    after it), ``reword`` (as hold, and the patient is told once that it is so), ``redirect`` (nothing waits; texts name the
    place ``to``). What it concerns of this patient: ``visits`` to their centre, ``refills`` and ``referrals`` by key.
    ``opens``: the first day after it on which the place works.
    """

    id: str
    action: Literal["hold", "reword", "redirect"]
    why: Literal["place_closed", "out_of_stock"]
    first: date
    last: date
    spread_days: int = 3
    visits: bool = False
    refills: frozenset[str] = frozenset()
    referrals: frozenset[str] = frozenset()
    opens: date | None = None
    to: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All pathways that a patient is on, and the rules of contact.

    The state says which version of a pathway a patient is on; whoever calls hands in every version that may be needed.
    """

    pathways: Mapping[str, Pathway]
    contact: ContactRules = ContactRules()
    holds: tuple[Hold, ...] = ()
    merge_visits_within: int = 14  # a follow-up due so soon after another is done with it
    search_again: int = 30  # days between searches for someone who is unreachable
    versions: Mapping[str, Pathway] = field(default_factory=dict)  # by version: others that a patient may be on, or move to
    checks: Checks | None = None  # of medicines taken together; None: they are not looked at
    limits: Limits = NO_LIMITS  # how long a referral may stand at a stage

    def as_of(self, state: State) -> Plan:
        """This plan with each pathway at the version that the patient is on, where ``versions`` holds it."""
        theirs: dict[str, Pathway] = {}
        for name, course in state.courses.items():
            pathway = self.pathways.get(name)
            if pathway is None or pathway.version != course.version:
                version = self.versions.get(course.version)
                if version is not None and version.name == name:
                    theirs[name] = version
        if not theirs:
            return self
        others = {pathway.version: pathway for name, pathway in self.pathways.items() if name in theirs}
        return replace(self, pathways={**self.pathways, **theirs}, versions={**others, **self.versions})
