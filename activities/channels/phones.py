"""Phones that a person at this machine can play with: those of the sandbox, and those of the fake Twilio.

Rule: only pretended phones are shown here; where messages really go out there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import aiohttp

from activities.channels.port import InboundSms
from activities.channels.sandbox import AcceptedSms, Reply

NOT_HELD = frozenset({"scheduled", "canceled", "failed", "undelivered"})


class Phones(Protocol):
    """What phones hold, and texting us from them. ``sid`` counts up over both, in hexadecimal after two letters."""

    async def messages(self, to: str | None = None, *, after: int = 0) -> list[AcceptedSms]:
        """What phones got after number ``after``, all of them or ``to`` (E.164), in order."""
        ...

    async def replies(self, from_: str | None = None) -> list[Reply]:
        """What phones texted us, all of them or one (E.164), in order."""
        ...

    async def reply(self, from_: str, text: str) -> InboundSms | None:
        """A phone texts us. What it answers has yet to be taken in; None: the provider has called our webhook itself."""
        ...


class FakeTwilioPhones:
    """``Phones`` of the fake Twilio at ``url``, by its control API. It knows no message keys. Close it with ``aclose``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def messages(self, to: str | None = None, *, after: int = 0) -> list[AcceptedSms]:
        """See ``Phones``; what did not arrive is on no phone."""
        items = await self._items(to, after)
        return [
            AcceptedSms(_sid(item), "", "", item["to"], item["text"], datetime.fromisoformat(item["at"]))
            for item in items
            if item["direction"] != "inbound" and item["status"] not in NOT_HELD
        ]

    async def replies(self, from_: str | None = None) -> list[Reply]:
        """See ``Phones``."""
        return [
            Reply(_sid(item), item["from"], item["text"], datetime.fromisoformat(item["at"]))
            for item in await self._items(from_, 0)
            if item["direction"] == "inbound"
        ]

    async def reply(self, from_: str, text: str) -> None:
        """The phone texts the fake, which calls our webhook before this returns."""
        await self._asked("POST", "replies", body={"from": from_, "text": text})

    async def settle(self) -> None:
        """Until every message has come to its end and every webhook was called."""
        await self._asked("POST", "settle", body={})

    async def _items(self, phone: str | None, since: int) -> list[dict[str, Any]]:
        query = {"since": str(since)} | ({"phone": phone} if phone else {})
        items: list[dict[str, Any]] = (await self._asked("GET", "messages", query=query))["items"]
        return items

    async def _asked(self, verb: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Any:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        url = f"{self._url}/_fake/{path}"
        async with self._http.request(verb, url, params=query, json=body, raise_for_status=True) as answer:
            return await answer.json()


def _sid(item: Mapping[str, Any]) -> str:
    return f"SM{item['n']:032x}"
