"""Texts to patients before they go out, as the API shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Model, example

#: A language tag; a reader of it gets the nearest language there is.
Tag = Annotated[str, Field(pattern="^[A-Za-z-]{2,20}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$")]
Sample = Literal["usual", "long"]
EVERY = ("en", "es", "zh-Hans", "zh-Hant")

_FINDING = {
    "message": "visit_soon",
    "severity": "warning",
    "what": "'TODAY' is shouting",
    "remedy": "write it in small letters",
    "start": 14,
}
_TEXT = {
    "asked": "es-MX",
    "language": "es",
    "text": "Clinica del Lago: Ana, le esperamos hoy. Si no puede venir, responda 2, por favor. Si no desea SMS: ALTO.",
    "segments": 1,
    "encoding": "GSM-7",
    "units": 105,
    "left": 55,
    "strange": "",
    "cost": 0.05,
    "findings": [_FINDING],
}


class WordingFinding(Model, json_schema_extra=example(**_FINDING)):
    """What is to be said about a message; with an error it cannot be published. ``start``: its offset in what the author wrote."""

    message: str
    severity: Literal["error", "warning"]
    what: str
    remedy: str
    start: int


class PreviewOut(Model, json_schema_extra=example(**_TEXT)):
    """One text as it would go out.

    ``asked``: the language that was asked for, ``language``: the one it is in. ``units``, ``left``: septets (GSM-7) or 16-bit units
    (UCS-2) used, and how many more fit before another SMS is needed. ``strange``: the characters that make it UCS-2. ``segments``,
    ``cost``: of an SMS; null on a channel that does not count them, and where no price was given.
    """

    asked: str
    language: str
    text: str
    segments: int | None
    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    left: int
    strange: str
    cost: float | None
    findings: list[WordingFinding]


class PreviewsOut(Model, json_schema_extra=example(pathway="hypertension", version="0a1b2c3d4e5f6071", items=[_TEXT])):
    """A text in each language that was asked for. ``version``: empty for what is not published."""

    pathway: str
    version: str
    items: list[PreviewOut]


class PreviewIn(
    Model,
    json_schema_extra=example(
        pathway="hypertension",
        texts={"visit_today": {"en": "we expect you today. If you cannot come, please reply 2."}},
        languages=["en"],
        sample="long",
        given={"place": "Lakeside Clinic"},
        sms_cost=0.05,
    ),
):
    """Texts that are being written, as bodies by message and language; several messages are one text of a day.

    ``pathway``: of whose medicines and readings they must say nothing. ``given``: what fills variables, in place of the samples;
    ``sender`` is one more. ``sms_cost``: of one segment.
    """

    pathway: Name | None = None
    texts: Annotated[dict[Name, dict[Tag, Annotated[str, Field(max_length=1000)]]], Field(min_length=1, max_length=4)]
    languages: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=10)] = EVERY
    channel: Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,39}$")] = "sms"
    sample: Sample = "usual"
    given: Annotated[dict[Name, Annotated[str, Field(max_length=100)]], Field(max_length=20, default_factory=dict)]
    sms_cost: Annotated[float | None, Field(ge=0, le=1000)] = None
