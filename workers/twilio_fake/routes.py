"""The HTTP interface of Twilio: messages of one account, as its OpenAPI document describes them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from aiohttp import web

from workers.twilio_fake.asked import understood
from workers.twilio_fake.provider import Provider
from workers.twilio_fake.shapes import VERSION, Refusal, Sms, message, page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LARGEST_PAGE = 1000


def add_to(app: web.Application, provider: Provider) -> None:
    """The routes of an account."""
    routes = _Routes(provider)
    base = f"/{VERSION}/Accounts/{{account}}"
    for path, verbs in {
        f"{base}/Messages.json": {"POST": routes.create, "GET": routes.list_},
        f"{base}/Messages/{{sid}}.json": {"GET": routes.fetch, "POST": routes.update, "DELETE": routes.delete},
        f"{base}/Messages/{{sid}}/Media.json": {"GET": routes.media},
        f"{base}/Balance.json": {"GET": routes.balance},
    }.items():
        for verb, handler in verbs.items():
            app.router.add_route(verb, path, routes.guarded(handler))
        app.router.add_route("*", path, routes.guarded(routes.wrong_verb))
    app.router.add_route("*", f"/{VERSION}/{{tail:.*}}", routes.guarded(routes.nothing))


class _Routes:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._store = provider.store

    def guarded(self, handler: Handler) -> Handler:
        """Signed in, and answered in Twilio's words; away during an outage."""

        async def serve(request: web.Request) -> web.StreamResponse:
            faults = self._provider.faults
            try:
                if faults.out(await self._provider.now()):
                    self._provider.asked["outage"] += 1
                    if faults.outage_by_gateway:
                        return web.Response(
                            status=503, text="<html><h1>503 Service Unavailable</h1></html>", content_type="text/html"
                        )
                    raise Refusal(503, 20503, "Service unavailable")
                self._signed_in(request)
                return await handler(request)
            except Refusal as refused:
                self._provider.asked[str(refused.code)] += 1
                headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after is not None else {}
                if refused.status == 401:
                    headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
                return web.json_response(refused.body, status=refused.status, headers=headers)

        return serve

    def _signed_in(self, request: web.Request) -> None:
        kind, _, shown = request.headers.get("Authorization", "").partition(" ")
        try:
            who = base64.b64decode(shown, validate=True).decode() if kind.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            who = ""
        account = self._provider.account
        right = hmac.compare_digest(who.encode(), f"{account.sid}:{account.token}".encode())
        if not right or request.match_info.get("account", account.sid) != account.sid:
            raise Refusal(401, 20003, "Authenticate")

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Take a message, or say why not; with faults, say neither."""
        form = await _form(request)
        provider, faults = self._provider, self._provider.faults
        to, body = form.get("To", [""])[0].strip(), form.get("Body", [""])[0] or form.get("ContentVariables", [""])[0]
        time = provider.time_of(to, body)
        what = (to, body, time)
        if faults.answer_delay:
            await asyncio.sleep(faults.answer_delay)
        if faults.meets("throttle", *what) or provider.too_fast():
            raise Refusal(429, 20429, "Too Many Requests", retry_after=faults.retry_after)
        if faults.meets("down", *what):
            raise Refusal(503, 20503, "Service unavailable")
        if faults.meets("cut_before", *what):
            return self._cut(request, "cut before")
        if faults.meets("error_before", *what):
            raise Refusal(500, 20500, "An internal server error has occurred")
        if faults.meets("gateway_before", *what):
            provider.asked["gateway before"] += 1
            return _of_a_gateway()
        if faults.no_credit:
            raise Refusal(403, 20005, "Account not active")
        asked = understood(form, provider.account, self._store)
        sms = await provider.take(asked, time, template="ContentSid" in form)
        if faults.meets("cut_after", *what):
            return self._cut(request, "cut after")
        if faults.meets("gateway_after", *what):
            provider.asked["gateway after"] += 1
            return _of_a_gateway()
        if faults.meets("hang", *what):
            provider.asked["hung"] += 1
            await asyncio.sleep(faults.hang_seconds)
        elif faults.meets("error_after", *what):
            provider.asked["error after"] += 1
            raise Refusal(500, 20500, "An internal server error has occurred")
        else:
            provider.asked["taken"] += 1
        return web.json_response(message(sms, provider.account.sid), status=201)

    def _cut(self, request: web.Request, when: str) -> web.StreamResponse:
        self._provider.asked[when] += 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def list_(self, request: web.Request) -> web.StreamResponse:
        """The newest first, filtered, a page at a time."""
        query = dict(request.query)
        size = min(_whole(query, "PageSize", 50, least=1), LARGEST_PAGE)
        _whole(query, "Page", 0, least=0)
        where: list[tuple[str, object]] = []
        for name, column in (("To", "to_"), ("From", "from_")):
            if query.get(name):
                where.append((f"{column} = ?", query[name]))
        for name in ("DateSent", "DateSent<", "DateSent>"):
            if query.get(name):
                where += _sent(name, query[name])
        behind = query.get("PageToken", "").removeprefix("PA")
        found = self._store.page(where, behind=behind, limit=size + 1)
        account = self._provider.account.sid
        return web.json_response(page(account, query, found[:size], size=size, more=len(found) > size))

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """One message."""
        return web.json_response(message(self._found(request), self._provider.account.sid))

    async def update(self, request: web.Request) -> web.StreamResponse:
        """Redact it, or cancel it while it is scheduled."""
        sms, form = self._found(request), await _form(request)
        body, status = (form[name][0] if name in form else None for name in ("Body", "Status"))
        await self._provider.change(sms, body=body, status=status)
        return await self.fetch(request)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Forget it."""
        self._provider.delete(self._found(request))
        return web.Response(status=204)

    async def media(self, request: web.Request) -> web.StreamResponse:
        """Pictures are counted, and not kept."""
        uri = request.path
        self._found(request)
        body = {"media_list": [], "page": 0, "page_size": 50, "start": 0, "end": 0, "uri": uri, "first_page_uri": uri}
        return web.json_response(body | {"next_page_uri": None, "previous_page_uri": None})

    async def balance(self, request: web.Request) -> web.StreamResponse:
        """What is left to spend."""
        left = "-0.01" if self._provider.faults.no_credit else "100.00"
        return web.json_response({"account_sid": self._provider.account.sid, "balance": left, "currency": "USD"})

    async def wrong_verb(self, request: web.Request) -> web.StreamResponse:
        """The path is there, the verb is not."""
        raise Refusal(405, 20004, "Method not allowed")

    async def nothing(self, request: web.Request) -> web.StreamResponse:
        """There is no such path."""
        raise _not_found(request)

    def _found(self, request: web.Request) -> Sms:
        sms = self._store.fetch(request.match_info["sid"])
        if sms is None:
            raise _not_found(request)
        return sms


def _of_a_gateway() -> web.Response:
    return web.Response(status=503, text="<html>503 Service Unavailable</html>", content_type="text/html")


def _not_found(request: web.Request) -> Refusal:
    return Refusal(404, 20404, f"The requested resource {request.path} was not found")


async def _form(request: web.Request) -> dict[str, list[str]]:
    return parse_qs((await request.read()).decode(errors="replace"), keep_blank_values=True)


def _whole(query: dict[str, str], name: str, default: int, *, least: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise Refusal(400, 20006, f"The '{name}' {text} is not a number from {least} on")
    return int(text)


def _sent(name: str, text: str) -> list[tuple[str, object]]:
    """Twilio compares whole days in UTC where only a day is given. A day alone means that day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, 20001, f"The '{name}' {text} is not a date") from None
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    if len(text) > len("2026-03-02"):
        sign = {"DateSent": "=", "DateSent<": "<=", "DateSent>": ">="}[name]
        return [(f"sent {sign} ?", moment.isoformat())]
    following = moment + timedelta(days=1)
    from_: tuple[str, object] = ("sent >= ?", moment.isoformat())
    to: tuple[str, object] = ("sent < ?", following.isoformat())
    return {"DateSent": [from_, to], "DateSent<": [to], "DateSent>": [from_]}[name]
