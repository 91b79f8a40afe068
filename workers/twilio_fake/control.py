"""``/_fake/``: what no provider has. Faults, phones, and counts of what every phone got.

Rule: it asks for no key, so it is for the loopback; what changes something wants JSON, which no page of another site can send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from workers.twilio_fake.asked import TROUBLES
from workers.twilio_fake.faults import BadFault
from workers.twilio_fake.provider import Provider, counted
from workers.twilio_fake.shapes import Sms

#: What messages are counted by, and its column; a minute is that of the dates, such as 2026-03-02T09:00.
COUNTED_BY = {"to": "to_", "body": "body", "minute": "substr(created, 1, 16)"}

Handler = Callable[[web.Request], Awaitable[Any]]


def add_to(app: web.Application, provider: Provider) -> None:
    """The routes of the control API."""
    control = _Control(provider)
    for verb, path, handler in (
        ("GET", "state", control.state),
        ("PATCH", "faults", control.change_faults),
        ("GET", "messages", control.messages),
        ("GET", "counts", control.counts),
        ("GET", "callbacks", control.callbacks),
        ("POST", "replies", control.reply),
        ("POST", "numbers", control.number),
        ("POST", "opt-outs", control.opt_out),
        ("POST", "contents", control.content),
        ("POST", "clock", control.clock),
        ("POST", "settle", control.settle),
        ("POST", "forget", control.forget),
    ):
        app.router.add_route(verb, f"/_fake/{path}", _json(handler))


def _json(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        if request.method != "GET" and request.content_type != "application/json":
            return web.json_response({"wrong": "send JSON"}, status=415)
        try:
            return web.json_response(await handler(request))
        except KeyError as missing:
            return web.json_response({"wrong": f"the field {missing} is missing"}, status=400)
        except ValueError as wrong:
            return web.json_response({"wrong": str(wrong)}, status=400)

    return serve


class _Control:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._store = provider.store

    async def state(self, request: web.Request) -> Any:
        """What is in force and what happened so far; ``asked``: requests since the start by what came of them."""
        provider = self._provider
        return {
            "faults": provider.faults.written(),
            "now": (await provider.now()).isoformat(),
            "asked": dict(provider.asked),
            "most_in_a_second": provider.most_in_a_second,
            "callbacks": self._store.outcomes(),
            "inbound_url": provider.inbound_url,
            "numbers": list(provider.account.numbers),
        }

    async def change_faults(self, request: web.Request) -> Any:
        """Change some; the others stay. They outlive the process."""
        faults = self._provider.faults.changed(await _body(request))
        self._provider.faults = faults
        self._store.set("faults", faults.written())
        self._provider.wake()
        return faults.written()

    async def messages(self, request: web.Request) -> Any:
        """What phones hold and said, all or those of ``phone``, behind number ``since``."""
        query = request.query
        held = self._store.held(query.get("phone"), since=int(query.get("since", "0")))
        return {"items": [_shown(sms) for sms in held]}

    async def counts(self, request: web.Request) -> Any:
        """How many messages the API took, by some of ``to``, ``body`` and ``minute`` (``by=to,body``)."""
        names = request.query.get("by", "to").split(",")
        if not set(names) <= set(COUNTED_BY):
            raise BadFault(f"by is some of: {', '.join(COUNTED_BY)}")
        rows = self._store.counts([COUNTED_BY[name] for name in names])
        return {"items": counted(rows, names)}

    async def callbacks(self, request: web.Request) -> Any:
        """The first webhooks (64 at most) of a message ``sid``, with what came of them."""
        calls = self._store.calls("sid = ?", request.query["sid"])
        return {"items": [{"status": one.status, "outcome": one.outcome, "url": one.url, "form": one.form} for one in calls]}

    async def reply(self, request: web.Request) -> Any:
        """A phone (``from``) texts us: ``text``, ``to`` which of our senders; answers what our webhook answered."""
        body = await _body(request)
        sms, answer = await self._provider.hear(str(body["from"]), str(body.get("text", "")), to=str(body.get("to", "")))
        self._provider.wake()
        return {"sid": sms.sid, "to": sms.to, "answered": None if answer is None else answer.status}

    async def number(self, request: web.Request) -> Any:
        """``number`` is a landline, unreachable, filtered and so on (``is``), or has Twilio's ``code``; null: it is fine."""
        body = await _body(request)
        word = body.get("is")
        if word is not None and word not in TROUBLES:
            raise BadFault(f"a number is not {word!r}; use some of: {', '.join(TROUBLES)}")
        code = TROUBLES[word] if word is not None else body.get("code")
        if code is not None and (isinstance(code, bool) or not isinstance(code, int)):
            raise BadFault("code is a number")
        self._store.mark(str(body["number"]), code)
        return {"number": body["number"], "code": code}

    async def opt_out(self, request: web.Request) -> Any:
        """A ``number`` refuses us (``out``), without a text of its own."""
        body = await _body(request)
        senders = [*self._provider.account.numbers, *self._provider.account.services]
        for sender in senders if "sender" not in body else [str(body["sender"])]:
            self._store.opt(sender, str(body["number"]), out=bool(body["out"]))
        return {"number": body["number"], "out": bool(body["out"])}

    async def content(self, request: web.Request) -> Any:
        """A content template: ``sid`` (HX...), ``body`` with ``{{1}}``."""
        body = await _body(request)
        self._store.keep_content(str(body["sid"]), str(body["body"]))
        return {"sid": body["sid"]}

    async def clock(self, request: web.Request) -> Any:
        """Dates are written as of ``at`` from now on; null: the machine's time."""
        at = (await _body(request))["at"]
        if at is not None and datetime.fromisoformat(at).tzinfo is None:
            raise BadFault("at is a moment with its offset")
        self._store.set("clock", at)
        return {"now": (await self._provider.now()).isoformat()}

    async def settle(self, request: web.Request) -> Any:
        """Answers when every message has come to its end and every webhook was called."""
        await self._provider.settled()
        return {"callbacks": self._store.outcomes()}

    async def forget(self, request: web.Request) -> Any:
        """Everything but the faults."""
        faults = self._provider.faults.written()
        self._store.forget()
        self._store.set("faults", faults)
        self._provider.asked.clear()
        return {}


def _shown(sms: Sms) -> dict[str, Any]:
    return {
        "n": sms.n,
        "sid": sms.sid,
        "direction": sms.direction,
        "from": sms.from_,
        "to": sms.to,
        "text": sms.body,
        "status": sms.status,
        "error_code": sms.error_code,
        "at": sms.created.isoformat(),
        "callback": sms.callback,
    }


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise BadFault("send an object")
    return body
