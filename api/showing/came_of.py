"""What each line of a timeline came of: the event that its step took, and who told it, or the moment that had come.

Rule 1: a step takes what was learnt at one moment; what it put down of an earlier one was due by then.
Rule 2: what was learnt late, or put right, is followed as if it had been known in time: its lines are of earlier moments.
Rule 3: events that were learnt at the same moment are all named: which of them it was is not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from api.showing.words import Titles, called, day_said, in_language, no_titles, texts, tidy, word
from pathways.engine.calendar import local_day
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, Fill
from records.timeline import Line, Timeline, Told
from records.vault import PersonVault

DUE = "due_reached"
#: Nothing but time brings these about.
OF_TIME = frozenset({"missed", "still_due", "refill_missed", "referral_silent", "confirmed_by_silence", "referral_check"})
#: These say of which kind their task is.
WORKED_ON = frozenset({"task_closed", "task_postponed", "task_handed_over"})
#: A day that was found for a visit is put down a moment after the event that asked for it.
A_MOMENT = timedelta(minutes=1)
#: A detail of the event that its sentence is chosen by.
_CHOOSES = {"reading_received": "source", "referral_decided": "approved", "substitute_decided": "approved"}
_LONGEST = 60  # characters of a text's beginning


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the lines of a page: by step the events that it took; by key what a text says, and of which
    kind a task is that somebody worked on; where the patient lives.
    """

    told: Mapping[int | None, Sequence[Told]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "UTC"

    def beginning(self, reason: Reason) -> str:
        """How the text that went out begins; empty where none did."""
        said = " ".join(self.texts.get(reason.key, "").split()) if reason.code == "message_sent" else ""
        return said if len(said) <= _LONGEST else said[: _LONGEST - 1].rstrip() + "…"

    def of(self, found: Line) -> Sequence[Told]:
        """The events that a line came of; none where it was due."""
        at, told = found.reason.at, self.told.get(found.step, ())
        corrections = [one for one in told if one.kind == "corrected"]
        if found.reason.code in OF_TIME:
            return corrections
        last = max((one.event.learnt for one in told if at - A_MOMENT <= one.event.learnt <= at), default=None)
        if last is not None:
            return [one for one in told if one.event.learnt == last]
        return corrections or [one for one in told if one.event.at <= at < one.event.learnt]


async def behind(session: AsyncSession, person: PersonVault, lines: Sequence[Line], timezone: str) -> Behind:
    """Two statements, however many lines: one for the events, one for texts that went out."""
    timeline = Timeline(session)
    sent = [one.reason.key for one in lines if one.reason.code == "message_sent"]
    tasks = {one.reason.key: one.reason.detail.get("kind", "") for one in lines if one.reason.code in WORKED_ON}
    return Behind(await timeline.told(person, lines), await timeline.texts(person, sent), tasks, timezone)


@dataclass(frozen=True, slots=True)
class CameOf:
    """``code``: the kinds of the events as they are stored, ``due_reached`` where time brought it about; ``who`` told them."""

    text: str = ""
    code: str = ""
    who: str = ""


def came_of(found: Line, known: Behind, language: str, titles: Titles = no_titles) -> CameOf:
    """What a line came of, in a sentence."""
    told = known.of(found)
    if not told:
        on = day_said(local_day(found.reason.at, known.timezone), language)
        return CameOf(in_language(texts()["came_of"][DUE], language).format(on=on), DUE)
    said = "; ".join(dict.fromkeys(_sentence(one, known, language, titles) for one in told))
    names = "; ".join(dict.fromkeys(_teller(one) for one in told if one.who))
    return CameOf(said, ", ".join(dict.fromkeys(one.kind for one in told)), names)


def _sentence(told: Told, known: Behind, language: str, titles: Titles) -> str:
    sentences = texts()["came_of"]
    chosen = f"{told.kind}_{str(getattr(told.event, _CHOOSES.get(told.kind, ''), '')).lower()}"
    said = in_language(sentences.get(chosen) or sentences[told.kind], language)
    sentence = tidy(said.format_map(_Filled(told.event, known, language, titles)))
    sentence = sentence[:1].upper() + sentence[1:]
    if not told.who:
        return sentence
    return in_language(sentences["by"], language).format(what=sentence, who=_teller(told))


def _teller(told: Told) -> str:
    return f"{told.who}, {told.place}" if told.place else told.who


@dataclass(frozen=True, slots=True)
class _Filled:
    """What a sentence asks of its event, and nothing else of it."""

    event: AnyEvent
    known: Behind
    language: str
    titles: Titles

    def __getitem__(self, name: str) -> str:
        if name == "on":
            return day_said(local_day(self.event.at, self.known.timezone), self.language)
        value: object = getattr(self.event, name)
        if isinstance(value, Fill):
            return value.medicine
        if name == "task":
            kind = self.known.tasks.get(str(value), "")
            return word("tasks", kind, self.language) if kind else ""
        if name == "service":
            return called(self.titles("", "", str(value)), str(value), self.language)
        return word("answers" if name == "kind" else "words", str(value), self.language)
