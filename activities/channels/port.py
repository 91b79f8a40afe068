"""What a message channel is: hand over one SMS, and say afterwards whether it was taken.

Rule 1: a channel never sends twice by itself. It tries once and says what it knows.
Rule 2: what is not known is said to be not known (``InDoubt``, ``CannotTell``); a guess would text a patient twice.
Rule 3: nothing here carries a phone number or a text into an exception: those end in logs and in Temporal's history.

    ChannelError
    ├── Undeliverable    for good: this message will never reach this number (``reason``)
    ├── TryLater         not taken: safe to send again, not before ``after``
    ├── InDoubt          perhaps taken: never send again before ``find`` or a delivery report has settled it
    └── Misconfigured    not taken, and none will be until an operator follows ``remedy``
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

Status = Literal["accepted", "queued", "sent", "delivered", "read", "undelivered", "failed"]
"""Where a message is. ``accepted`` to ``read`` only go forward; the last two are final refusals."""

Reason = Literal["opted_out", "no_such_number", "landline", "unreachable", "filtered", "refused", "too_late", "no_template"]
"""Why a message can never arrive this way. ``refused``: the provider will not carry it and no better word fits;
``no_template``: this way carries approved wordings only, and has none for it.
"""

Fault = Literal["throttled", "their_fault", "our_fault", "no_credit"]
"""Why nothing goes this way just now, whoever it is for: too fast, the provider is away, our settings, the account is empty."""


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One attempt at one message.

    ``key`` is the same on every retry of the same message. ``attempt`` is new for each call of ``send``, cannot be
    guessed, and is stored before that call, together with ``attempted_at``: a process that dies in between can ask
    ``find``. ``to`` is E.164. ``not_after`` is the message's last useful moment.
    """

    key: str
    attempt: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    not_after: datetime | None = None
    attempted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message. ``segments`` is what it bills, ``cost`` in millionths of ``currency``, where it says so."""

    provider_id: str
    status: Status
    segments: int | None = None
    cost: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The attempt was taken: do not send it again."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class NotFound:
    """The attempt was certainly not taken: it may be sent again."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The provider's records do not settle it; ``why`` says so to the person who has to."""

    why: str


Finding = Found | NotFound | CannotTell


@dataclass(frozen=True, slots=True)
class InboundSms:
    """What somebody texted to us. ``provider_id`` is the same when the provider tells it twice.

    ``opt_out``: what the provider itself took it for, and has answered already, where it keeps opt-outs.
    """

    provider_id: str
    from_: str = field(repr=False)
    to: str
    text: str = field(repr=False)
    opt_out: Literal["", "stop", "start", "help"] = ""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What the provider said later about an attempt. Reports come late, twice and out of order.

    ``attempt`` is None when the report did not carry it; ``provider_id`` then names the message.
    ``reason`` is set when, and only when, ``status`` is undelivered or failed; ``code`` is the provider's own. ``fault``: what
    was lost was not lost because of the number, and others will be lost the same way until it is mended.
    """

    attempt: str | None
    provider_id: str
    status: Status
    reason: Reason | None = None
    code: int | None = None
    segments: int | None = None
    cost: int | None = None
    currency: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A provider calls us. ``url``: the public address as it was called, query included; ``headers``: names in lower case;
    ``body``: as it came.
    """

    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a webhook told, and what its provider wants to hear: ``answer`` of the media type ``answer_type``, empty for 204."""

    told: tuple[DeliveryReport | InboundSms, ...]
    answer: str = ""
    answer_type: str = "text/plain"


class NotSigned(ValueError):
    """A webhook that is not the provider's; it is refused before it is read. The text says what to check."""


class Malformed(ValueError):
    """A webhook that is the provider's and cannot be understood; the text names the field."""


class Channel(Protocol):
    """A way to reach a phone."""

    @property
    def name(self) -> str:
        """The word that records and settings know it by, such as ``twilio``."""
        ...

    async def send(self, sms: OutgoingSms) -> Receipt:
        """Hand over ``sms`` once. Raises a ChannelError; after any other exception treat it as ``InDoubt``."""
        ...

    async def find(self, sms: OutgoingSms) -> Finding:
        """Was this attempt taken? Asks only, so it may be repeated.

        Raises Undeliverable where it was taken and is lost since, TryLater, Misconfigured.
        """
        ...

    def hear(self, what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
        """Read a webhook at ``/api/v1/hooks/NAME/inbound`` or ``.../status``. Raises NotSigned, Malformed.

        A channel whose provider calls nobody raises NotSigned for all of them.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What a channel is opened with. ``options``: its settings, by name; ``home``: the installation's folder;
    ``public_url``: our address as the provider reaches it; ``now``: the clock.
    """

    name: str
    options: Mapping[str, str] = field(repr=False)
    home: Path
    public_url: str
    now: Callable[[], Awaitable[datetime]]


Open = Callable[[Opening], Channel]
"""What an entry point of the group ``cairn.channels`` names. Raises Misconfigured."""


class ChannelError(Exception):
    """A message was not handed over, or not certainly."""


class Undeliverable(ChannelError):
    """This message will never reach this number. ``code`` is the provider's own, for the operator."""

    def __init__(self, reason: Reason, *, code: int | None = None) -> None:
        super().__init__(f"undeliverable: {reason}" + (f" (provider code {code})" if code else ""))
        self.reason: Reason = reason
        self.code = code


class TryLater(ChannelError):
    """Not taken, and may be sent again; ``after`` is the provider's wish, where it has one. ``fault``: whose doing it is;
    by itself *throttled* where ``reason`` says so, else the provider's.
    """

    def __init__(self, reason: str, *, after: timedelta | None = None, fault: Fault | None = None) -> None:
        super().__init__(f"not taken, try later: {reason}")
        self.reason = reason
        self.after = after
        self.fault: Fault = fault or ("throttled" if reason == "throttled" else "their_fault")


class InDoubt(ChannelError):
    """The message may have been taken."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"in doubt: {reason}")
        self.reason = reason


class Misconfigured(ChannelError):
    """The provider refuses us, not the patient's number. ``fault``: our settings, or *no_credit* where the account is empty."""

    def __init__(self, remedy: str, *, code: int | None = None, fault: Fault = "our_fault") -> None:
        super().__init__(f"the channel is misconfigured: {remedy}" + (f" (provider code {code})" if code else ""))
        self.remedy = remedy
        self.code = code
        self.fault: Fault = fault
