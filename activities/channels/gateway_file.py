"""What the file of an HTTP gateway may say; ``gateway_check`` reads it.

Rule 1: no secret stands in the file: ``${password}`` is the channel's option ``password``, from the setting GATEWAY_PASSWORD.
Rule 2: what a code means is a table, and what is not in it is a refusal for good that a person sees, never a second text.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from activities.channels.described import Part
from activities.channels.port import Fault, Reason, Status

Meaning = Literal[Reason, Fault, "in_doubt"]
Hashed = Literal["hmac-sha256", "hmac-sha1", "hmac-md5", "sha256", "sha1", "md5"]
Written = Literal["hex", "HEX", "base64"]


def _as_text(value: object) -> object:
    """Codes are compared as texts, and 0 is easily written without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


_CODE = {"type": ["string", "number", "boolean"]}
Text = Annotated[str, BeforeValidator(_as_text), WithJsonSchema(_CODE)]
Pointer = Annotated[str, Field(pattern=r"^(/[^/]*)+$", description="JSON pointer, such as /data/id; /id in a form or pattern")]
_OneOrMore = Annotated[
    tuple[Text, ...], BeforeValidator(_as_list), WithJsonSchema({"anyOf": [_CODE, {"type": "array", "items": _CODE}]})
]
Where = dict[Pointer, _OneOrMore]


class Basic(Part):
    """A user and a password in the Authorization header."""

    user: Text
    password: Text


class Sign(Part):
    """What ``{signature}`` is. ``over`` may use ``{body}``, ``{params}`` (name=value of query and form, sorted, with & between)
    and every other placeholder; ``key`` is for the hmac kinds.
    """

    by: Hashed
    over: Text
    key: Text = ""
    written: Written = "hex"


class Asking(Part):
    """A request to the gateway. Texts hold placeholders: {to}, {text} and so on."""

    method: Literal["GET", "POST", "PUT"] = "POST"
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    headers: dict[str, Text] = Field({})
    query: dict[str, Text] = Field({})
    body: Any = None
    encoding: Literal["json", "form"] = "json"
    charset: str = "utf-8"
    basic: Basic | None = None
    bearer: Text | None = None
    sign: Sign | None = None


class Reading(Part):
    """How an answer or a webhook is written. ``pattern``: a regular expression with named groups, for ``text``."""

    format: Literal["json", "form", "text"] = "json"
    charset: str = "utf-8"
    pattern: str = ""


class Taken(Part):
    """When the gateway took the text: one of these HTTP statuses, and each of these values."""

    http: tuple[int, ...] = tuple(range(200, 300))
    where: Where = Field({})


class Answer(Reading):
    """What is read from the answer to a text."""

    taken: Taken = Taken()
    id: Pointer | None = None
    segments: Pointer | None = None
    code: Pointer | None = None


class Send(Part):
    """How a text is handed over. ``idempotent``: the gateway takes one ``{attempt}`` once only, however often it is asked to."""

    request: Asking
    answer: Answer = Answer()
    idempotent: bool = False


class Search(Reading):
    """What is read from the answer to a query. ``items``: a list that is looked through for one that fits ``found``.

    ``absent``: what it means that nothing fits *found* or *not_found*; ``settled_after``: seconds, so long may a text that was
    taken be missing from the query.
    """

    items: Pointer | None = None
    found: Where
    not_found: Where = Field({})
    absent: Literal["cannot_tell", "not_taken"] = "cannot_tell"
    settled_after: Annotated[float, Field(ge=0, le=86_400)] = 60
    id: Pointer | None = None
    status: Pointer | None = None


class Find(Part):
    """How the gateway is asked about an attempt."""

    request: Asking
    answer: Search


class Place(Part):
    """Where in a webhook something is: in its query, in a header, or in a field."""

    query: str = ""
    header: str = ""
    field: Pointer | None = None


class Token(Place):
    """A word that only the gateway knows, and where it is."""

    value: Text


class Signed(Part):
    """How a webhook proves where it comes from: a token, or basic, or sign with signature.

    ``over`` may use {body}, {url}, {query.NAME} and {header.NAME}, the latter in lower case.
    """

    token: Token | None = None
    basic: Basic | None = None
    sign: Sign | None = None
    signature: Place | None = None


class Hook(Reading):
    """A webhook: a form, JSON, or its query (``format: form`` reads both query and body)."""

    signed: Signed
    items: Pointer | None = None
    id: Pointer | None = None
    answer: str = ""
    answer_type: str = "text/plain"


class StatusHook(Hook):
    """What became of a text; ``attempt`` is where ``{attempt}`` comes back, if it does."""

    attempt: Pointer | None = None
    status: Pointer
    code: Pointer | None = None


class InboundHook(Hook):
    """A text to us. Without ``id`` the same webhook counts once."""

    from_: Pointer = Field(alias="from")
    to: Pointer | None = None
    text: Pointer


class Stamp(Part):
    """What ``{timestamp}`` is: seconds, milliseconds, or a date in the form of ``strftime`` in ``timezone``."""

    written: str = "seconds"
    timezone: str = "UTC"


class GatewayFile(Part):
    """An HTTP gateway. ``country``: whose numbers webhooks write without a country code; ``rate``: texts a second."""

    gateway: str
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    sender: Text = ""
    connect_timeout: Annotated[float, Field(gt=0, le=60)] = 5
    answer_timeout: Annotated[float, Field(gt=0, le=120)] = 15
    rate: Annotated[float, Field(gt=0, le=10_000)] | None = None
    timestamp: Stamp = Stamp()
    send: Send
    find: Find | None = None
    status: StatusHook | None = None
    inbound: InboundHook | None = None
    statuses: dict[str, Status] = Field({})
    errors: dict[str, Meaning] = Field({})
    remedies: dict[str, str] = Field({})
    otherwise: Literal["refused", "in_doubt"] = "refused"
