"""What a patient agreed to be texted, as the API gives and takes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.models.base import AMoment, Model, Moment, example
from pathways.engine.events import TextKind

ChannelName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
SAID = {"what": "texts", "given": True, "source": "sms", "by": "", "at": "2025-03-03T01:00:00Z"}
WANTED = {"texts": True, "refused": ["refills"], "channels": ["whatsapp", "twilio"]}


class ConsentIn(Model, json_schema_extra=example(**WANTED, at="2025-03-03T01:00:00Z")):
    """What the patient said, to whoever writes it down.

    ``texts``: any at all; without them somebody calls. ``refused``: kinds that they do not want; what is about their safety is
    no kind. ``channels``: ways to text them, the best first; empty for the network's order.
    """

    texts: bool = True
    refused: Annotated[list[TextKind], Field(max_length=3)] = Field(default_factory=list)
    channels: Annotated[list[ChannelName], Field(max_length=10)] = Field(default_factory=list)
    at: AMoment | None = None


class Word(Model, json_schema_extra=example(**SAID)):
    """One word of the patient's. ``source``: enrolment, hospital, sms, api, provider; ``by``: who wrote it down."""

    what: str
    given: bool
    source: str
    by: str
    at: Moment


class ConsentOut(Model, json_schema_extra=example(**WANTED, words=[SAID])):
    """How it stands, and every word that led there, the newest first. Where there is none, nobody asked (docs/messages.md)."""

    texts: bool
    refused: list[TextKind]
    channels: list[str]
    words: list[Word]
