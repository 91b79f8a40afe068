"""What a request leaves in the audit log: whose records it opened, and what it was about to change.

Rule 1: the entry is stored before the answer leaves; where it cannot be stored, the answer is 503 and shows nothing.
Rule 2: a change of a record is written down before it is made, and again with what came of it: a crash between loses neither.
Rule 3: no route says what it reads: opening a person's vault does, wherever that happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from records.audit import AuditLog, Entry, NotWrittenDown
from records.callers import Caller
from records.vault import OPENED

KEY = "cairn.trail"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
RECORDS = ("patient_id", "referral_id", "refill_id")  # path parameters that name a patient's record
NOT_KEPT = "The audit log cannot be written, so nothing is shown. Ask whoever runs Cairn, and repeat with the same Idempotency-Key."


@dataclass
class Trail:
    """Of one request. ``right``: the right that was used."""

    audit: AuditLog
    request: str
    opened: set[str] = field(default_factory=set)
    caller: Caller | None = None
    right: str = ""
    record: str = ""

    async def begins(self, request: Request, caller: Caller, right: str) -> None:
        """Who it is and what for; a change of a record is written down before it is made. Raises NotWrittenDown."""
        self.caller, self.right = caller, right
        self.record = next((str(request.path_params[name]) for name in RECORDS if name in request.path_params), "")
        if self.record and request.method not in READS:
            await self.audit.write(self._entry(0))

    async def ends(self, status: int) -> None:
        """What came of it. Raises NotWrittenDown."""
        if self.caller is not None and (self.opened or self.record):
            await self.audit.write(self._entry(status))

    def _entry(self, status: int) -> Entry:
        assert self.caller is not None
        who = self.caller
        return Entry(who.id, who.role, who.place, self.right, self.record, tuple(self.opened), status, self.request)


def trail_of(request: Request) -> Trail:
    """The trail of this request."""
    trail: Trail = request.scope[KEY]
    return trail


@dataclass(frozen=True)
class Trails:
    """Gives each request its trail, and keeps the answer back until it is stored."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trail = scope[KEY] = Trail(scope["app"].state.parts.audit, uuid4().hex)
        kept_back = False

        async def once_stored(message: Message) -> None:
            nonlocal kept_back
            if kept_back:
                return
            if message["type"] == "http.response.start":
                try:
                    await trail.ends(message["status"])
                except NotWrittenDown:
                    kept_back = True
                    await problems.answer(503, NOT_KEPT)(scope, receive, send)
                    return
            await send(message)

        within = OPENED.set(trail.opened)
        try:
            await self.app(scope, receive, once_stored)
        finally:
            OPENED.reset(within)
