"""A request to send: refused in Twilio's words, or understood.

The order in which Twilio looks at a request is not documented; here what is missing comes first, then what is wrong with the
addresses, then what is known of the number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from workers.twilio_fake.shapes import Refusal
from workers.twilio_fake.store import Store

E164 = re.compile(r"\+[1-9]\d{6,14}")
LONGEST_BODY = 1600
VALIDITY = range(1, 36_001)  # seconds

#: What may be said of a number, and Twilio's code of it: 2xxxx refuses the request, 3xxxx ends the message later.
TROUBLES: Mapping[str, int] = {
    "invalid": 21211,
    "no_route": 21612,
    "not_mobile": 21614,
    "unreachable": 30003,
    "blocked": 30004,
    "unknown": 30005,
    "landline": 30006,
    "filtered": 30007,
    "carrier": 30008,
}
_SAID: Mapping[int, str] = {
    21211: "Invalid 'To' Phone Number: {to}",
    21214: "'To' phone number cannot be reached",
    21217: "Phone number does not appear to be valid",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    21610: "Attempt to send to unsubscribed recipient",
    21612: "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: {from_}",
    21614: "'To' number is not a valid mobile number",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose requests are served: ``sid``, its ``token``, the numbers it has, its messaging services and their senders."""

    sid: str
    token: str
    numbers: Sequence[str]
    services: Mapping[str, str]
    whatsapp: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that Twilio takes. ``sender``: the number it will come from; ``from_`` is empty while a service chooses."""

    to: str
    sender: str
    service: str
    body: str
    media: int
    callback: str
    validity: int
    send_at: datetime | None

    @property
    def refused_by(self) -> str:
        """Whom a phone refuses: the messaging service, or the number."""
        return self.service or self.sender


def understood(form: Mapping[str, Sequence[str]], account: Account, store: Store) -> Asked:
    """The request in ``form``. Raises Refusal."""

    def given(name: str) -> str:
        return form.get(name, [""])[0].strip()

    to, from_, service = given("To"), given("From"), given("MessagingServiceSid")
    body, media = _body(form, store), len(form.get("MediaUrl", []))
    if not to:
        raise Refusal(400, 21604, "A 'To' phone number is required.")
    if not from_ and not service:
        raise Refusal(400, 21603, "A 'From' phone number is required.")
    if not body and not media:
        raise Refusal(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    sender = _sender(from_, service, account, whatsapp=to.startswith("whatsapp:"))
    if not E164.fullmatch(to.removeprefix("whatsapp:")):
        raise Refusal(400, 21211, _SAID[21211].format(to=to))
    if to == sender:
        raise Refusal(400, 21266, "'To' and 'From' number cannot be the same")
    asked = Asked(to, sender, service, body, media, _callback(given("StatusCallback")), _validity(form), _send_at(form))
    if asked.send_at is not None and not service:
        raise Refusal(400, 35118, "MessagingServiceSid is required to schedule a message")
    code = 21610 if store.opted_out(asked.refused_by, to) else store.code_of(to)
    if code is not None and code < 30_000:
        raise Refusal(400, code, _SAID.get(code, "The message cannot be sent").format(to=to, from_=sender))
    return asked


def _sender(from_: str, service: str, account: Account, *, whatsapp: bool) -> str:
    if service and service not in account.services:
        raise Refusal(404, 21701, f"The Messaging Service {service} does not exist")
    if not from_:
        return ("whatsapp:" if whatsapp else "") + account.services[service]
    if from_.startswith("whatsapp:") != whatsapp:
        raise Refusal(400, 21910, "Invalid From and To pair. From and To should be of the same channel")
    if whatsapp:
        if from_.removeprefix("whatsapp:") not in account.whatsapp:
            raise Refusal(400, 63007, "Twilio could not find a Channel with the specified From address")
        return from_
    if not E164.fullmatch(from_):
        raise Refusal(400, 21212, f"Invalid 'From' Phone Number: {from_}")
    if from_ not in account.numbers:
        raise Refusal(400, 21659, f"'From' {from_} is not a Twilio phone number or short code country mismatch")
    return from_


def _body(form: Mapping[str, Sequence[str]], store: Store) -> str:
    content = form.get("ContentSid", [""])[0]
    if not content:
        return form.get("Body", [""])[0]
    text = store.contents().get(content)
    if text is None:
        raise Refusal(400, 21655, f"The ContentSid {content} is invalid")
    try:
        values = json.loads(form.get("ContentVariables", ["{}"])[0])
        filled = {str(name): str(value) for name, value in values.items()}
    except (ValueError, AttributeError):
        raise Refusal(400, 21656, "The ContentVariables parameter is invalid") from None
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: filled.get(found[1], ""), text)


def _callback(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and "_" not in (parts.hostname or "")
    except ValueError:
        good = False
    if not good:
        raise Refusal(400, 21609, f"The 'StatusCallback' URL {url} is not a valid URL.")
    return url


def _validity(form: Mapping[str, Sequence[str]]) -> int:
    text = form.get("ValidityPeriod", [str(VALIDITY[-1])])[0]
    if not text.isascii() or not text.isdigit() or int(text) not in VALIDITY:
        raise Refusal(400, 20001, f"The 'ValidityPeriod' {text} is out of range: {VALIDITY[0]} to {VALIDITY[-1]} seconds")
    return int(text)


def _send_at(form: Mapping[str, Sequence[str]]) -> datetime | None:
    kind, at = form.get("ScheduleType", [""])[0], form.get("SendAt", [""])[0]
    if not kind and not at:
        return None
    if not at:
        raise Refusal(400, 35111, "SendAt is required to schedule a message")
    if kind != "fixed":
        raise Refusal(400, 35112, "ScheduleType is required to schedule a message, and it is 'fixed'")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal(400, 35113, "SendAt is not a moment in ISO 8601")
    return moment
