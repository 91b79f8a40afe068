"""WhatsApp, through Twilio: the same requests, signatures and codes as its SMS, with other addresses and approved words.

Rule 1: outside the 24 hours after a person's last message WhatsApp carries approved templates only, and a sending process does
        not know of that message; so only what is worded as a template goes this way, and all else is left to the next channel.
Rule 2: a template goes when its words with its variables are exactly our text, so what is read is what was recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from activities.channels.described import Part, described, mistaken
from activities.channels.port import Finding, Heard, InboundSms, OutgoingSms, Receipt, Undeliverable, Webhook
from activities.channels.twilio import TwilioChannel, TwilioSettings
from pathways.language.errors import BadValue

PREFIX = "whatsapp:"
_VARIABLE = re.compile(r"\{\{(\d{1,2})\}\}")
_NEVER_INSIDE = re.compile(r"[\n\t]| {5}")  # WhatsApp refuses variables with these


class Template(Part):
    """An approved template: ``content`` is its SID at Twilio, ``body`` its words as they were approved, with {{1}}, {{2}} ...

    ``name`` and ``language`` are for people.
    """

    name: str
    language: str
    content: Annotated[str, Field(pattern="^HX[0-9a-fA-F]{32}$")]
    body: Annotated[str, Field(min_length=1, max_length=1600)]


class TemplatesFile(Part):
    """The network's templates; the first that fits is taken."""

    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Fitting:
    """A template, and the values with which it says a text."""

    template: Template
    variables: dict[str, str]

    @property
    def content(self) -> dict[str, str]:
        """What Twilio is asked with."""
        named = {"content_sid": self.template.content}
        return named | ({"content_variables": json.dumps(self.variables, ensure_ascii=False)} if self.variables else {})


def templates_file(path: Path) -> tuple[Template, ...]:
    """Read the file. Raises Misconfigured with all mistakes."""
    document, written = described(path, TemplatesFile)
    problems = []
    for n, template in enumerate(written.templates):
        at, numbers = document.at("templates", n, "body"), {int(number) for number in _VARIABLE.findall(template.body)}
        if numbers != set(range(1, len(numbers) + 1)):
            problems.append(BadValue("a variable is left out", at=at, remedy="number them {{1}}, {{2}} and so on"))
        words = _VARIABLE.split(template.body)[::2]
        if "" in words[1:-1]:
            problems.append(BadValue("two variables stand side by side", at=at, remedy="put words between them"))
        if numbers and not (words[0].strip() and words[-1].strip()):
            remedy = "WhatsApp approves none such: put words around it, such as the name of the centre"
            problems.append(BadValue("it begins or ends with a variable", at=at, remedy=remedy))
    if problems:
        raise mistaken(problems)
    return written.templates


def fitting(templates: Sequence[Template], text: str) -> Fitting | None:
    """The first template that says exactly ``text``."""
    for template in templates:
        variables = _variables(template.body, text)
        if variables is not None:
            return Fitting(template, variables)
    return None


def _variables(body: str, text: str) -> dict[str, str] | None:
    """Values with which ``body`` is ``text``. Each ends where the words after it are first found, so nothing is tried twice."""
    parts = _VARIABLE.split(body)  # words, number, words, number, words
    words, numbers = parts[::2], parts[1::2]
    if not numbers:
        return {} if body == text else None
    if not text.startswith(words[0]):
        return None
    found: dict[str, str] = {}
    start = len(words[0])
    for number, after in zip(numbers, words[1:], strict=True):
        last = number is numbers[-1] and after is words[-1]
        end = len(text) - len(after) if last else text.find(after, start + 1)
        value = text[start:end] if end > start else ""
        if not value or (last and not text.endswith(after)) or _NEVER_INSIDE.search(value) or found.get(number, value) != value:
            return None
        found[number] = value
        start = end + len(after)
    return found


class WhatsAppChannel:
    """A ``Channel`` over Twilio's WhatsApp. ``settings``: as for SMS; its from-number is the WhatsApp sender, E.164."""

    def __init__(
        self,
        settings: TwilioSettings,
        templates: Sequence[Template],
        *,
        now: Callable[[], Awaitable[datetime]],
        name: str = "whatsapp",
    ) -> None:
        self.name = name
        self._templates = tuple(templates)
        sender = f"{PREFIX}{settings.from_number}" if settings.from_number else None
        self._twilio = TwilioChannel(replace(settings, from_number=sender), now=now)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the operator who checks the settings should know."""
        languages = sorted({template.language for template in self._templates})
        return (f"it carries {len(self._templates)} approved wordings ({', '.join(languages) or 'none'}) and nothing else",)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._twilio.aclose()

    async def send(self, sms: OutgoingSms) -> Receipt:
        """Ask Twilio once to send the template that says the text.

        Raises Undeliverable (*no_template* where none does), TryLater, InDoubt, Misconfigured.
        """
        said = fitting(self._templates, sms.text)
        if said is None:
            raise Undeliverable("no_template")
        return await self._twilio.send(_addressed(sms), content=said.content)

    async def find(self, sms: OutgoingSms) -> Finding:
        """As for SMS. Raises TryLater, Misconfigured."""
        return await self._twilio.find(_addressed(sms))

    def hear(self, what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
        """As for SMS, with plain numbers. Raises NotSigned, Malformed."""
        heard = self._twilio.hear(what, webhook)
        return replace(heard, told=tuple(_plain(told) if isinstance(told, InboundSms) else told for told in heard.told))


def _addressed(sms: OutgoingSms) -> OutgoingSms:
    return replace(sms, to=f"{PREFIX}{sms.to}")


def _plain(told: InboundSms) -> InboundSms:
    return replace(told, from_=told.from_.removeprefix(PREFIX), to=told.to.removeprefix(PREFIX))
