"""The public API as the players see it: an address, keys, and what may go wrong.

Rule 1: a write carries a key of its own, so that asking again after a broken connection does not do it twice.
Rule 2: a service that is away is waited for, for a while; then it is said plainly which address did not answer.

    PlayStopped
     +-- BadKeys         the file of keys cannot be used
     +-- ServiceAway     nobody answers at the address
     +-- NotSettled      the service answers, but does not come to rest
    Refused              the service said no to one request; the play goes on
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx

PREFIX = "/api/v1"
AWAY = frozenset({502, 503, 504})
PAGE = 200  # the most that the API gives at once

Pause = Callable[[float], Awaitable[None]]


class PlayStopped(Exception):
    """The play cannot go on; the message says why and what to do."""


class BadKeys(PlayStopped):
    """The file of keys is missing or is not what is needed."""


class ServiceAway(PlayStopped):
    """Nobody answers."""


class NotSettled(PlayStopped):
    """Time cannot be moved: what is due stays undone."""


class Refused(Exception):
    """The service refused one request. ``status`` is HTTP's."""

    def __init__(self, status: int, method: str, path: str, detail: str) -> None:
        super().__init__(f"{method} {path}: {status} {detail}")
        self.status = status


@dataclass(frozen=True)
class Keys:
    """API keys: three of the network's, the others by care team or place."""

    administrator: str
    coordinator: str
    gateway: str
    health_manager: Mapping[str, str]
    doctor: Mapping[str, str]
    clinic: Mapping[str, str]
    pharmacy: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> Keys:
        """Raises BadKeys."""
        wanted = (
            "write JSON with administrator, coordinator, gateway, and health_manager, doctor, clinic, pharmacy by team or place"
        )
        try:
            given = json.loads(file.read_text(encoding="utf-8"))
            administrator, coordinator = str(given["administrator"]), str(given["coordinator"])
            by_place = {role: dict(given.get(role) or {}) for role in ("health_manager", "doctor", "clinic", "pharmacy")}
        except OSError as missing:
            raise BadKeys(f"{file} cannot be read ({missing.strerror}); give the file that the service wrote its keys to") from None
        except (ValueError, KeyError, TypeError) as wrong:
            raise BadKeys(f"{file} is not a file of keys ({type(wrong).__name__}: {wrong}); {wanted}") from None
        if not by_place["health_manager"]:
            raise BadKeys(f"{file} has no key of a health manager, so that nobody could work; {wanted}")
        return cls(administrator, coordinator, str(given.get("gateway") or administrator), **by_place)

    def of_team(self, team: str) -> str:
        """The health manager's key of ``team``; the coordinator's where there is none."""
        return self.health_manager.get(team, self.coordinator)


@dataclass
class Service:
    """Requests to one service. ``patience``: seconds of waiting for one that is away. ``spent``: count and seconds by path."""

    client: httpx.AsyncClient
    keys: Keys
    patience: float = 60.0
    pause: Pause = asyncio.sleep
    spent: dict[str, tuple[int, float]] = field(default_factory=dict)

    async def get(self, path: str, *, key: str, **query: Any) -> Any:
        """Raises ServiceAway, Refused."""
        return await self._ask("GET", path, key, query={k: v for k, v in query.items() if v is not None})

    async def all(self, path: str, *, key: str, **query: Any) -> list[Mapping[str, Any]]:
        """Every item of a list, page after page."""
        items: list[Mapping[str, Any]] = []
        after: str | None = None
        while True:
            page = await self.get(path, key=key, limit=PAGE, after=after, **query)
            items.extend(page["items"])
            after = page.get("next")
            if not after:
                return items

    async def post(self, path: str, body: Mapping[str, Any], *, key: str, once: str = "") -> Any:
        """``once`` names this write: the same name is the same event. Raises ServiceAway, Refused."""
        return await self._ask("POST", path, key, body=body, once=once)

    async def _ask(
        self, method: str, path: str, key: str, *, query: Mapping[str, Any] | None = None, body: Any = None, once: str = ""
    ) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        if once:
            headers["Idempotency-Key"] = "play-" + blake2b(once.encode(), digest_size=12).hexdigest()
        waited, wait = 0.0, 0.1
        began = time.perf_counter()
        while True:
            try:
                answer = await self.client.request(method, PREFIX + path, params=query, json=body, headers=headers)
                if answer.status_code not in AWAY:
                    break
                why = f"answers {answer.status_code}"
            except httpx.HTTPError as broken:
                why = type(broken).__name__
            if waited >= self.patience:
                raise ServiceAway(
                    f"{self.client.base_url} does not answer ({method} {path}: {why}); start the service there, then play again"
                )
            await self.pause(wait)
            waited, wait = waited + wait, min(2.0, wait * 2)
        self._note(method, path, time.perf_counter() - began)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Refused(answer.status_code, method, path, _detail(answer))

    def _note(self, method: str, path: str, seconds: float) -> None:
        parts = path.split("/")
        shape = f"{method} /" + "/".join(("{id}" if at == 2 else part) for at, part in enumerate(parts) if part)
        count, total = self.spent.get(shape, (0, 0.0))
        self.spent[shape] = (count + 1, total + seconds)


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        errors = "; ".join(
            f"{e.get('field')}: {e.get('reason')} {e.get('remedy') or ''}".strip() for e in problem.get("errors") or ()
        )
        return " ".join(str(word) for word in (problem.get("title", ""), problem.get("detail", ""), errors) if word)
    except (ValueError, AttributeError):
        return answer.text[:200]


def moment(text: str) -> datetime:
    """RFC 3339 to UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def written(at: datetime) -> str:
    """UTC to RFC 3339 with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
