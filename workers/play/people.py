"""Who the patients are: habits, how well they are, and what befalls one of them in the year.

Rule 1: a character is drawn from the seed and from name and birthday, so that the same community plays the same year.
Rule 2: every question here is pure: a person, a day, an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from workers.play.dice import Dice

Habit = Literal["reliable", "late", "forgetful", "vanishing"]
Control = Literal["good", "middling", "poor"]
Fate = Literal["stops", "wrong_number", "moves", "moves_away", "dies", "in_hospital", "travels", "night_emergency"]

HABITS: tuple[tuple[Habit, float], ...] = (("reliable", 52), ("late", 22), ("forgetful", 16), ("vanishing", 10))
CONTROL: tuple[tuple[Control, float], ...] = (("good", 50), ("middling", 32), ("poor", 18))
FATES: tuple[Fate, ...] = ("dies", "moves", "in_hospital", "stops", "night_emergency", "travels", "wrong_number", "moves_away")
PEOPLE_A_FATE = 60  # one of each fate for so many people

ENDED = frozenset({"died", "moved_away", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Character:
    """How somebody is. ``who`` is the name that chance knows them by; ``texts`` sends readings from home."""

    who: str
    habit: Habit
    control: Control
    texts: bool
    fate: Fate | None
    dice: Dice

    def fate_day(self, year: int) -> date:
        """The day of ``year`` on which their fate befalls them."""
        return date(year, 1, 1) + timedelta(days=self.dice.between(0, 364, self.who, "fate day"))

    def gone(self, day: date) -> bool:
        """Whether they have disappeared: they do not come, answer no phone and no text."""
        if self.habit != "vanishing":
            return False
        return any(start <= day < start + length for start, length in (self._gone_in(day.year), self._gone_in(day.year - 1)))

    def found_by_search(self, day: date) -> bool:
        """Whether somebody who goes and looks finds them; some are found only after a while, some never."""
        if not self.gone(day):
            return True
        if self._never_found():
            return False
        starts = [
            start for start, length in (self._gone_in(day.year), self._gone_in(day.year - 1)) if start <= day < start + length
        ]
        return day >= max(starts) + timedelta(days=self.dice.between(45, 80, self.who, "found after"))

    def _never_found(self) -> bool:
        return self.dice.chance(0.3, self.who, "never found")

    def _gone_in(self, year: int) -> tuple[date, timedelta]:
        if self._never_found():  # from April until the end of the winter
            return date(year, 4, 1) + timedelta(days=self.dice.between(0, 20, self.who, "gone")), timedelta(days=310)
        start = date(year, 1, 1) + timedelta(days=self.dice.between(0, 364, self.who, "gone"))
        return start, timedelta(days=self.dice.between(90, 150, self.who, "gone for"))

    def comes(self, booked: date, *, promised: bool) -> date | None:
        """The day on which they come for a visit booked on ``booked``; None: not unless somebody calls.

        ``promised``: they have said that they will, by text or on the phone.
        """
        day = booked + timedelta(days=self._lateness(booked, promised))
        if self.habit == "forgetful" and not promised and not self.dice.chance(0.6, self.who, booked, "remembers"):
            return None
        return None if self.gone(day) else day

    def _lateness(self, booked: date, promised: bool) -> int:
        on_the_day = {"reliable": 0.94, "vanishing": 0.85, "late": 0.35, "forgetful": 0.3}[self.habit]
        if promised:
            on_the_day = max(on_the_day, 0.85)
        if self.dice.chance(on_the_day, self.who, booked, promised, "on the day"):
            return 0
        low, high = {"reliable": (1, 3), "vanishing": (1, 5), "late": (1, 12), "forgetful": (4, 10)}[self.habit]
        return self.dice.between(low, high, self.who, booked, "days late")

    def collects_after(self, ready: date) -> date:
        """The day on which they fetch what has been ready since ``ready``."""
        high = {"reliable": 4, "vanishing": 5, "late": 8, "forgetful": 14}[self.habit]
        return ready + timedelta(days=self.dice.between(1, high, self.who, ready, "collects"))

    def takes_the_phone(self, moment: datetime) -> bool:
        """Whether a call at ``moment`` is taken."""
        likely = {"reliable": 0.92, "vanishing": 0.85, "late": 0.8, "forgetful": 0.7}[self.habit]
        return not self.gone(moment.date()) and self.dice.chance(likely, self.who, moment, "takes the phone")

    def answers(self, key: str, day: date) -> str | None:
        """What they text back to the message ``key`` that asked for an answer, or None."""
        yes = {"reliable": 0.65, "vanishing": 0.5, "late": 0.4, "forgetful": 0.3}[self.habit]
        if self.gone(day):
            return None
        return self.dice.weighted((("1", yes), ("2", 0.05), (_WORDS, 0.03), (None, 0.92 - yes)), self.who, key, "answers")

    def texts_home_reading(self, day: date) -> bool:
        """Whether they send a reading on ``day``."""
        return self.texts and not self.gone(day) and self.dice.chance(1 / 14, self.who, day, "texts")

    def hour(self, day: date, why: str) -> time:
        """A time of day in the hours of the centre, in tens of minutes, local."""
        hour = self.dice.pick((9, 10, 10, 11, 14, 15), self.who, day, why)
        return time(hour, 10 * self.dice.between(0, 5, self.who, day, why, "minute"))

    def wrong_number(self, phone: str) -> bool:
        """Whether the number on file is somebody else's. A number that was put right ends in 7."""
        return self.fate == "wrong_number" and not phone.endswith("7")


_WORDS = "谢谢, thank you"


@dataclass(slots=True)
class Person:
    """A patient as the API shows them, with the character they have here. ``record`` is refreshed as time goes on."""

    record: Mapping[str, Any]
    character: Character

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def phone(self) -> str:
        return str(self.record.get("phone") or "")

    @property
    def team(self) -> str:
        return str(self.record.get("care_team") or "")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(str(self.record.get("timezone") or "UTC"))

    @property
    def life(self) -> str:
        return str(self.record.get("life") or "active")

    def day(self, moment: datetime) -> date:
        """The calendar day where they live."""
        return moment.astimezone(self.zone).date()

    def at(self, day: date, clock: time) -> datetime:
        """A local time as a moment in UTC."""
        return datetime.combine(day, clock, tzinfo=self.zone).astimezone(UTC)


def who(record: Mapping[str, Any]) -> str:
    """The name that chance knows a patient by: it outlives a new database."""
    return f"{record.get('name')}/{record.get('born')}"


def cast(records: Sequence[Mapping[str, Any]], dice: Dice) -> dict[str, Character]:
    """A character for each patient, by id. The fates go to those whom chance names first, one of each in sixty people."""
    names = {str(record["id"]): who(record) for record in records}
    order = sorted(names, key=lambda id_: (dice.share(names[id_], "rank"), id_))
    fates: dict[str, Fate] = {}
    for turn in range(max(1, len(order) // PEOPLE_A_FATE)):
        for place, fate in enumerate(FATES):
            at = turn * len(FATES) + place
            if at < len(order):
                fates[order[at]] = fate
    return {id_: _character(name, fates.get(id_), dice) for id_, name in names.items()}


def _character(name: str, fate: Fate | None, dice: Dice) -> Character:
    habit = dice.weighted(HABITS, name, "habit")
    texts = fate == "night_emergency" or dice.chance(0.15, name, "texter")
    if fate in ("wrong_number", "stops") and habit == "reliable":
        habit = "forgetful"  # so that somebody calls them
    return Character(name, habit, dice.weighted(CONTROL, name, "control"), texts, fate, dice)
