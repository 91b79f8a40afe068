"""What a request leaves in the audit log: whose records it opened, and what it was about to change.

Rule 1: the entry is stored before the answer leaves; where it cannot be stored, the answer is 503 and shows nothing.
Rule 2: a change is written down before it is made, and again with what came of it: a crash between loses neither.
Rule 3: no route says what it reads: opening a person's vault does, wherever that happens.
Rule 4: an answer that goes on (a stream) is held to the same: what it opens later is written down before it is sent on.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from records.audit import BEGUN, AuditLog, Entry, NotWrittenDown
from records.callers import Caller
from records.vault import OPENED

KEY = "cairn.trail"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
RECORDS = ("patient_id", "referral_id", "refill_id", "task_id", "message_id")  # path parameters that name a patient's record
#: Rights that make or change a patient's record, or who may open one, even where no path names what.
WRITTEN_DOWN = ("patients.", "keys.", "accounts.", "self.change")
OUTSIDE = "outside"  # who calls a webhook: it shows a signature instead of a key
NOT_KEPT = "The audit log cannot be written, so nothing is shown. Ask whoever runs Cairn, and repeat with the same Idempotency-Key."


@dataclass
class Trail:
    """Of one request. ``right``: the right that was used; ``record``: what was asked for; ``about``: whom that concerns."""

    audit: AuditLog
    request: str
    opened: set[str] = field(default_factory=set)
    caller: Caller | None = None
    right: str = "hooks"
    record: str = ""
    about: str = ""
    begun: bool = False
    _told: set[str] = field(default_factory=set)
    _before: list[tuple[str, str, str]] = field(default_factory=list)
    _ended: bool = False

    async def begins(
        self, request: Request, caller: Caller, right: str, *, looks: bool = False, record: str = "", about: str = ""
    ) -> None:
        """Who it is and what for; a change is written down before it is made. Raises NotWrittenDown.

        ``looks``: nothing is changed, whatever the method (a preview); ``record``, ``about``: where no path parameter names them.
        """
        if self.begun and not self._ended:  # entries of one FHIR transaction end together
            self._before.append((self.right, self.record, self.about))
        self.caller, self.right, self.begun, self._ended = caller, right, False, False
        changes = request.method not in READS and not looks
        named = (n for n in request.path_params if n in RECORDS or (changes and n.endswith("_id")))
        self.record = record or next((str(request.path_params[name]) for name in named), "")
        self.about = about or str(request.path_params.get("patient_id", ""))
        if changes and (self.record or right.startswith(WRITTEN_DOWN)):
            self.begun = True
            await self.audit.write(self._entry(BEGUN, ()))

    async def ends(self, status: int) -> None:
        """What came of it; again for whatever is opened after that. Raises NotWrittenDown."""
        for earlier in (*self._before, (self.right, self.record, self.about)):
            self.right, self.record, self.about = earlier
            await self._end(status)
        self._before.clear()
        self._ended = True

    async def _end(self, status: int) -> None:
        fresh = self.opened - self._told
        if fresh or (not self._ended and (self.begun or self.record)):
            await self.audit.write(self._entry(status, tuple(fresh)))
            self._told |= fresh

    def _entry(self, status: int, patients: tuple[str, ...]) -> Entry:
        about = (self.about,) if self.about else ()
        if self.caller is None:
            return Entry(OUTSIDE, OUTSIDE, "*", self.right, self.record, patients, status, self.request, about)
        who = self.caller
        return Entry(who.id, who.role, who.place, self.right, self.record, patients, status, self.request, about)


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
        begun, kept_back, status = False, False, 500

        async def once_stored(message: Message) -> None:
            nonlocal begun, kept_back, status
            if kept_back:
                return
            status = message.get("status", status)
            try:
                await trail.ends(status)
            except NotWrittenDown:
                kept_back = True
                if begun:
                    raise  # its beginning has left: the connection is broken off
                await problems.answer_at(scope["path"], 503, NOT_KEPT)(scope, receive, send)
                return
            begun = True
            await send(message)

        within = OPENED.set(trail.opened)
        try:
            await self.app(scope, receive, once_stored)
        except Exception:
            if not begun and not kept_back:
                with contextlib.suppress(NotWrittenDown):  # the answer will be a 500 that shows nothing
                    await trail.ends(500)
            raise
        finally:
            OPENED.reset(within)
