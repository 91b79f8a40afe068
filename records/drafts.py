"""Definitions that are being written: draft, checked, approved by a second person, published or discarded.

Rule 1: check and approval are of one text, to the letter; an edit takes both back.
Rule 2: nobody approves what they wrote themselves, whatever the installation asks of others.
Rule 3: what becomes of a draft is decided here and written down as a deed in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from records.deeds import Deeds, Did
from records.pages import Page, cursor, moment_behind
from records.tables import Moment, PathwayDraft, PathwayVersion

OPEN = ("draft", "checked", "approved")
UNCHECKED = "This draft has not been checked since it was edited last. Check it first."


class NotNow(ValueError):
    """The draft does not stand where this could be done; the message says what comes first."""


class OwnWork(ValueError):
    """Somebody would approve what they wrote."""


def version_of(text: str) -> str:
    """The version that ``text`` is, sound or not: the first 16 hexadecimal digits of the SHA-256 of its UTF-8."""
    return sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Drafts:
    """Drafts in one transaction, at the moment ``at``; ``by``: who does what is done."""

    session: AsyncSession
    by: str = ""
    at: datetime | None = None

    async def one(self, draft_id: str, *, alone: bool = False) -> PathwayDraft | None:
        """A draft; ``alone``: until this transaction ends nobody else changes it."""
        return await self.session.get(PathwayDraft, draft_id, with_for_update=alone)

    async def page(self, pathway: str, *, status: str | None, limit: int, after: str | None = None) -> Page[PathwayDraft]:
        """The drafts of a pathway, the one that was changed last first. Raises BadCursor."""
        place = tuple_(PathwayDraft.changed, PathwayDraft.id)
        query = select(PathwayDraft).where(PathwayDraft.pathway == pathway)
        query = query.order_by(PathwayDraft.changed.desc(), PathwayDraft.id.desc()).limit(limit + 1)
        if status is not None:
            query = query.where(PathwayDraft.status == status)
        last = moment_behind(after)
        if last is not None:
            query = query.where(place < tuple_(literal(last[0], Moment()), literal(last[1])))
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].changed.isoformat(), shown[-1].id) if len(found) > limit else None)

    async def still_open(self, pathways: Iterable[str], *, limit: int) -> list[PathwayDraft]:
        """Drafts of these pathways that are being written, without their texts; the one that was changed last first."""
        query = select(PathwayDraft).where(PathwayDraft.pathway.in_(sorted(pathways)), PathwayDraft.status.in_(OPEN))
        query = query.order_by(PathwayDraft.changed.desc(), PathwayDraft.id.desc()).limit(limit).options(defer(PathwayDraft.text))
        return list(await self.session.scalars(query))

    async def not_published(self, *, limit: int) -> list[PathwayDraft]:
        """Drafts that are being written of pathways of which nothing was published yet, without their texts."""
        known = select(PathwayVersion.pathway).where(PathwayVersion.pathway == PathwayDraft.pathway)
        query = select(PathwayDraft).where(PathwayDraft.status.in_(OPEN), ~known.exists())
        query = query.order_by(PathwayDraft.changed.desc(), PathwayDraft.id.desc()).limit(limit).options(defer(PathwayDraft.text))
        return list(await self.session.scalars(query))

    async def begin(self, pathway: str, text: str, *, based_on: str, why: str) -> PathwayDraft:
        """A new draft. ``based_on``: the version that its author had read; empty for none."""
        draft = PathwayDraft(
            id=uuid4().hex,
            pathway=pathway,
            text=text,
            version=version_of(text),
            based_on=based_on,
            why=why,
            status="draft",
            author=self.by,
            approved_by="",
            created=self._now,
            changed=self._now,
            edit=1,
        )
        self.session.add(draft)
        await self.session.flush()
        self._deed(draft, "drafted", why)
        return draft

    def edit(self, draft: PathwayDraft, text: str, *, based_on: str | None, why: str) -> None:
        """Another text, or the same one on another version; check and approval are taken back. Raises NotNow."""
        _open(draft)
        draft.text, draft.version = text, version_of(text)
        draft.based_on = draft.based_on if based_on is None else based_on
        draft.why = why or draft.why
        draft.edit += 1
        self._stands(draft, "draft", approved_by="")
        self._deed(draft, "edited", why)

    def checked(self, draft: PathwayDraft, *, clean: bool) -> None:
        """Its text was checked. One that is not clean any more loses its check and approval. Raises NotNow."""
        _open(draft)
        if not clean:
            self._stands(draft, "draft", approved_by="")
        elif draft.status == "draft":
            self._stands(draft, "checked")
            self._deed(draft, "checked", "")

    def ask_approval(self, draft: PathwayDraft, *, why: str) -> None:
        """A second person is asked to look at it. Raises NotNow."""
        _open(draft)
        if draft.status == "draft":
            raise NotNow(UNCHECKED)
        self._deed(draft, "approval_asked", why)

    async def approve(self, draft: PathwayDraft, *, why: str) -> None:
        """A second person answers for it, too. Raises NotNow, OwnWork."""
        _open(draft)
        if self.by in (draft.author, await self.last_writer(draft)):
            raise OwnWork("You wrote this draft, or edited it last.")
        if draft.status == "draft":
            raise NotNow(
                "This draft has not been checked since it was edited last. Check it, look at its diff, and approve it then."
            )
        if draft.status == "approved" and draft.approved_by == self.by:
            return
        self._stands(draft, "approved", approved_by=self.by)
        self._deed(draft, "approved", why)

    def send_back(self, draft: PathwayDraft, *, why: str) -> None:
        """It is to be written otherwise. Raises NotNow."""
        _open(draft)
        self._stands(draft, "draft", approved_by="")
        self._deed(draft, "sent_back", why)

    def discard(self, draft: PathwayDraft, *, why: str) -> None:
        """It will not be published; its text stays. Raises NotNow."""
        if draft.status == "discarded":
            return
        _open(draft)
        self._stands(draft, "discarded")
        self._deed(draft, "discarded", why)

    def ready(self, draft: PathwayDraft, *, four_eyes: bool) -> None:
        """Whether it may be published as it stands. Raises NotNow."""
        _open(draft)
        if draft.version != version_of(draft.text):
            raise NotNow("The text of this draft is not the one that was checked. Save it again, check it, and have it approved.")
        if draft.status == "draft":
            raise NotNow(UNCHECKED)
        if four_eyes and (draft.status != "approved" or draft.approved_by in ("", draft.author)):
            raise NotNow("A second person has to approve this draft first: whoever wrote it asks a colleague.")

    def published(self, draft: PathwayDraft) -> None:
        """Its text is a version now."""
        self._stands(draft, "published")

    async def last_writer(self, draft: PathwayDraft) -> str:
        """Who wrote its text last."""
        return await Deeds(self.session).last_writer(draft.pathway, draft.id) or draft.author

    def _stands(self, draft: PathwayDraft, status: str, *, approved_by: str | None = None) -> None:
        draft.status, draft.changed = status, self._now
        if approved_by is not None:
            draft.approved_by = approved_by

    def _deed(self, draft: PathwayDraft, did: Did, why: str) -> None:
        Deeds(self.session).add(draft.pathway, did, by=self.by, at=self._now, version=draft.version, about=draft.id, why=why)

    @property
    def _now(self) -> datetime:
        if self.at is None:
            raise RuntimeError("who changes a draft says when")
        return self.at


def _open(draft: PathwayDraft) -> None:
    if draft.status not in OPEN:
        raise NotNow(f"This draft is {draft.status} and stays as it is. Begin another one from the version that you mean.")
