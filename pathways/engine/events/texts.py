"""What the patient or their carer texted, what they want to be texted, their numbers, and what became of what we said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pathways.engine.events.base import Event, Readings

TextKind = Literal["reminders", "referrals", "refills"]
Addressee = Literal["patient", "carer", "on_call", "new_patient", "new_carer"]
"""To whom a text goes; ``new_``: to a number that was given as theirs and is not confirmed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReceived(Event):
    """The patient answered a message; already read, never guessed. ``unclear``: a value was meant and cannot be: ask again.

    ``whose``: several patients have this phone; ask for whom it was. ``help``: they want to know who texts them, and a person
    reads it too. ``by``: who has the phone it came from.
    """

    kind: Literal["confirm", "another_day", "stop", "start", "reading", "unclear", "danger", "text", "whose", "help"]
    readings: Readings = field(default_factory=dict)
    by: Literal["patient", "carer"] = "patient"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsChosen(Event):
    """Which kinds of text the patient does not want; what is about their safety is no kind to be refused but by *STOP*."""

    refused: tuple[TextKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberGiven(Event):
    """A new number was given as the patient's or their carer's; nothing personal goes there before it is confirmed."""

    who: Literal["patient", "carer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberAnswered(Event):
    """Somebody wrote from a number that is not confirmed: not what was asked for, or words of danger."""

    who: Literal["patient", "carer"]
    kind: Literal["unclear", "danger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSettled(Event):
    """What became of a new number. ``refused``: whoever has it said no; ``withdrawn``: by staff, or another was given;
    ``not_confirmed``: too many answers were wrong.
    """

    who: Literal["patient", "carer"]
    how: Literal["confirmed", "refused", "withdrawn", "not_confirmed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFailed(Event):
    """A message did not arrive this way. ``elsewhere``: another channel is left, and it may be tried there."""

    key: str
    reason: str
    to: Addressee = "patient"
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArrived(Event):
    """A message of which a person was told that it may not have arrived did. ``begun``: somebody works on the call already."""

    key: str
    to: Addressee = "patient"
    begun: bool = False
