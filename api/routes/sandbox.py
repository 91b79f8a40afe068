"""Pretended phones: what they were sent, and texting us from them; only where the sandbox or the fake Twilio is used."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from activities.channels.phones import Phones
from activities.channels.sandbox import SandboxChannel
from api.depends import Parts, may
from api.models.base import Model, Moment, example
from api.parts import ApiParts
from api.problems import Problem
from records.callers import Caller

router = APIRouter(prefix="/sandbox", tags=["sandbox"])


_SMS = {
    "n": 1,
    "to": "+8613812345678",
    "text": "Ms Wang, we expect you on Thursday 6 March. 1 yes, 2 another day.",
    "at": "2025-03-03T01:12:00Z",
    "key": "message#4",
}


class SandboxMessage(Model, json_schema_extra=example(**_SMS)):
    """An SMS on a phone. ``n`` counts up; give the last one as ``since``. ``key``: empty where the provider does not know it."""

    n: int
    to: str
    text: str
    at: Moment
    key: str


class SandboxMessages(Model, json_schema_extra=example(items=[_SMS])):
    """In order of acceptance."""

    items: list[SandboxMessage]


class ReplyIn(Model, json_schema_extra={"examples": [{"from": "+8613812345678", "text": "1"}]}):
    """A phone texts us."""

    from_: Annotated[str, Field(alias="from", min_length=3, max_length=30)]
    text: Annotated[str, Field(max_length=1600)]


class ReplyOut(Model, json_schema_extra=example(known=True)):
    """``known``: whose phone it is, is known here; null where the provider told our webhook by itself."""

    known: bool | None


def phones_of(parts: ApiParts) -> Phones:
    """The pretended phones. Raises Problem 409 where messages really go out."""
    if parts.phones is not None:
        return parts.phones
    for channel in parts.channels:
        if isinstance(channel, SandboxChannel):
            return channel
    raise Problem(409, "This installation sends through a real provider; set CAIRN_CHANNEL=sandbox to play with phones.")


async def text_us(parts: ApiParts, from_: str, text: str) -> bool | None:
    """A phone texts us, the way of a provider's inbound webhook; whether its number is known here, where that is told."""
    inbound = await phones_of(parts).reply(from_, text)
    return bool((await parts.inbox.take(inbound)).patients) if inbound is not None else None


@router.get("/messages", summary="SMS that pretended phones hold")
async def list_messages(
    caller: Annotated[Caller, may("sandbox.use")], parts: Parts, since: Annotated[int, Query(ge=0, lt=2**63)] = 0
) -> SandboxMessages:
    """Everything accepted after number ``since``."""
    held = ((int(sms.sid[2:], 16), sms) for sms in await phones_of(parts).messages(after=since))
    return SandboxMessages(
        items=[SandboxMessage(n=n, to=sms.to, text=sms.text, at=sms.accepted_at, key=sms.key) for n, sms in held]
    )


@router.post("/replies", summary="A phone texts us")
async def reply(caller: Annotated[Caller, may("sandbox.use")], parts: Parts, body: ReplyIn) -> ReplyOut:
    """Goes the way of a provider's inbound webhook."""
    return ReplyOut(known=await text_us(parts, body.from_, body.text))
