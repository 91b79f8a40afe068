"""Drafts of pathways: written, checked, approved by a second person, published.

Rule 1: what was approved is what is published, to the letter: an edit takes back check and approval.
Rule 2: two coordinators do not overwrite each other: who edits, approves or publishes names the edit that they read (If-Match),
        and a draft that began from a version that is not followed any more is brought up to date first.
Rule 3: every change leaves a deed, in the same transaction.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import definitions
from api.checker import Busy
from api.depends import After, IfMatch, Language, Limit, Parts, PathwayName, Session, may, now_of
from api.drafting import begun, edited, one_of, read_whole, work
from api.editing import as_read, etag
from api.models.drafts import DraftBrief, DraftOut, DraftsOut, Status
from api.models.pathways import CheckedOut, DiffOut, MaybeWhyIn, PublishedOut, WhyIn
from api.parts import ApiParts
from api.problems import Problem
from api.routes.pathways import RETIRED
from api.showing.drafts import briefs
from api.writing import Writes
from records.callers import Caller
from records.drafts import Drafts
from records.pathways import PublishedPathways, Retired

router = APIRouter(tags=["pathways"])

Reads = Annotated[Caller, may("pathways.read")]
Writer = Annotated[Caller, may("pathways.draft")]
Approves = Annotated[Caller, may("pathways.approve")]
Publishes = Annotated[Caller, may("pathways.publish")]

AVersion = Annotated[str | None, Query(max_length=64, description="a published version, by its first digits")]
WhyNow = Annotated[str, Query(max_length=2000, description="the reason; kept with who did it and when")]


@router.post("/pathways/{name}/drafts", summary="Begin a draft", status_code=201, openapi_extra=definitions.sent(required=False))
async def begin_draft(
    caller: Writer,
    request: Request,
    writing: Writes,
    name: PathwayName,
    response: Response,
    why: WhyNow = "",
    from_version: AVersion = None,
    based_on: AVersion = None,
) -> DraftOut:
    """Keep a definition that is being written; it need not be right yet.

    Send its text, or name the version to begin from. ``based_on``: the version that you had read, where it is not the current one.
    """
    text = await definitions.document(request)
    shown = await begun(writing, caller, name, text, why=why, from_version=from_version, based_on=based_on)
    return await _answered(writing.parts, shown, response)


@router.get("/pathways/{name}/drafts", summary="Drafts of a pathway")
async def list_drafts(
    caller: Reads,
    session: Session,
    name: PathwayName,
    status: Annotated[Status | None, Query(description="only these")] = None,
    limit: Limit = 50,
    after: After = None,
) -> DraftsOut:
    """The one that was changed last first; those that were published or discarded stay in the list."""
    page = await Drafts(session).page(name, status=status, limit=limit, after=after)
    return DraftsOut(items=await briefs(session, page.items), next=page.next)


@router.get("/drafts/{draft_id}", summary="A draft")
async def read_draft(caller: Reads, parts: Parts, draft_id: str, response: Response) -> DraftOut:
    """Its text, how it stands, and what is wrong with it. Its ETag is for If-Match."""
    return await _answered(parts, await read_whole(parts, draft_id), response)


@router.put("/drafts/{draft_id}", summary="Edit a draft", openapi_extra=definitions.sent())
async def edit_draft(
    caller: Writer,
    request: Request,
    parts: Parts,
    draft_id: str,
    response: Response,
    why: WhyNow = "",
    based_on: AVersion = None,
    if_match: IfMatch = None,
) -> DraftOut:
    """Replace its text (If-Match names the edit that was read); check and approval are taken back.

    ``based_on``: the version whose changes are taken over in it, where another one has become current since it was begun.
    """
    text = await definitions.document(request)
    shown = await edited(parts, caller, draft_id, text, why=why, based_on=based_on, if_match=if_match)
    return await _answered(parts, shown, response)


@router.post("/drafts/{draft_id}/check", summary="Check a draft")
async def check_draft(caller: Writer, parts: Parts, draft_id: str, response: Response) -> CheckedOut:
    """Everything wrong with it, at once; it stands as checked where nothing is, and its own scenarios hold."""
    async with parts.database.reading() as session:
        draft = await one_of(Drafts(session), draft_id)
        text, name, version = draft.text, draft.pathway, draft.version
    found = await definitions.checked(parts, text)
    clean = found.clean and found.pathway == name
    async with work(parts, caller) as (_, drafts):
        draft = await one_of(drafts, draft_id, alone=True)
        if draft.version != version:
            raise Problem(409, "This draft was edited while it was being checked. Check it again.")
        drafts.checked(draft, clean=clean)
        response.headers["ETag"] = etag(draft.edit)
    if found.clean and not clean:
        raise Problem(
            409, f"This text is a pathway of another name than {name}. Mend the name inside, or begin a draft of that one."
        )
    return CheckedOut(clean=clean, pathway=found.pathway, version=found.version, diagnostics=definitions.diagnostics(found))


@router.post("/drafts/{draft_id}/ask-approval", summary="Ask for approval")
async def ask_approval(
    caller: Writer, parts: Parts, draft_id: str, response: Response, body: MaybeWhyIn | None = None, if_match: IfMatch = None
) -> DraftBrief:
    """A colleague is asked to look at a draft that was checked; ``why`` is the note to them, and is kept in the deeds."""
    async with work(parts, caller) as (session, drafts):
        draft = await one_of(drafts, draft_id, alone=True)
        as_read(if_match, draft.edit, needed=False)
        drafts.ask_approval(draft, why=body.why if body is not None else "")
        response.headers["ETag"] = etag(draft.edit)
        return (await briefs(session, [draft]))[0]


@router.post("/drafts/{draft_id}/approve", summary="Approve a draft")
async def approve_draft(
    caller: Approves, parts: Parts, draft_id: str, response: Response, body: MaybeWhyIn | None = None, if_match: IfMatch = None
) -> DraftBrief:
    """A second person answers for this text. If-Match names the edit that they read; 403 for whoever wrote it."""
    definitions.everybodys(caller)
    async with work(parts, caller) as (session, drafts):
        draft = await one_of(drafts, draft_id, alone=True)
        as_read(if_match, draft.edit)
        await drafts.approve(draft, why=body.why if body is not None else "")
        response.headers["ETag"] = etag(draft.edit)
        return (await briefs(session, [draft]))[0]


@router.post("/drafts/{draft_id}/send-back", summary="Send a draft back")
async def send_back(caller: Approves, parts: Parts, draft_id: str, body: WhyIn, response: Response) -> DraftBrief:
    """It is to be written otherwise, and why; check and approval are taken back."""
    async with work(parts, caller) as (session, drafts):
        draft = await one_of(drafts, draft_id, alone=True)
        drafts.send_back(draft, why=body.why)
        response.headers["ETag"] = etag(draft.edit)
        return (await briefs(session, [draft]))[0]


@router.post("/drafts/{draft_id}/publish", summary="Publish a draft")
async def publish_draft(
    caller: Publishes, parts: Parts, draft_id: str, response: Response, body: MaybeWhyIn | None = None, if_match: IfMatch = None
) -> PublishedOut:
    """New enrolments follow this text from now. If-Match names the edit that was read; whoever is enrolled stays on their version.

    409 where it was not checked, or not approved by a second person; and where another version has become current since it was
    begun: take its changes over first.
    """
    definitions.everybodys(caller)
    async with parts.database.reading() as session:
        name = (await one_of(Drafts(session), draft_id)).pathway
    async with work(parts, caller) as (session, drafts):
        published = PublishedPathways(session)
        await published.take_turns(name)
        draft = await one_of(drafts, draft_id, alone=True)
        current = await published.current(name)
        if draft.status == "published" and current is not None and current.version == draft.version:
            return definitions.now_followed(current, response, new=False)  # the answer was lost on its way
        as_read(if_match, draft.edit)
        drafts.ready(draft, four_eyes=parts.four_eyes)
        if current is not None and current.version not in (draft.based_on, draft.version):
            raise Problem(
                409,
                f"Version {current.version} has become current since this draft was begun. See GET /drafts/{draft_id}/diff, take "
                f"its changes over, and save the draft with based_on={current.version}; then it is checked and approved again.",
            )
        known = await published.one(name, draft.version) is not None
        why = (body.why if body is not None else "") or draft.why
        try:
            current = await published.publish(
                *(name, draft.version, draft.text),
                by=caller.id,
                at=await now_of(parts, session),
                approved_by=draft.approved_by,
                why=why,
                about=draft.id,
            )
        except Retired:
            raise Problem(409, RETIRED) from None
        drafts.published(draft)
    return definitions.now_followed(current, response, new=not known)


@router.delete("/drafts/{draft_id}", summary="Discard a draft", status_code=204)
async def discard_draft(caller: Writer, parts: Parts, draft_id: str, why: WhyNow = "") -> None:
    """It will not be published; its text and its deeds stay."""
    async with work(parts, caller) as (_, drafts):
        drafts.discard(await one_of(drafts, draft_id, alone=True), why=why)


@router.get("/drafts/{draft_id}/diff", summary="What a draft changes")
async def diff_draft(caller: Reads, parts: Parts, draft_id: str, against: AVersion = None, lang: Language = "en") -> DiffOut:
    """From the current version (or ``against``) to this draft, in the words of care. 409 while the draft has errors."""
    async with parts.database.reading() as session:
        draft = await one_of(Drafts(session), draft_id)
        published = PublishedPathways(session)
        current = await published.current(draft.pathway)
        old = current.version if current is not None else None
        old = await definitions.meant(published, draft.pathway, against) if against else old
        row = await published.one(draft.pathway, old) if old is not None else None
        text, version, before = draft.text, draft.version, row.text if row is not None else ""
    if row is None:
        return DiffOut(old="", new=version, changes=[], note="This pathway is new: there is no version to compare it with.")
    found = await definitions.checked(parts, text)  # in a process that may be ended, before it is compiled in this one
    if not found.clean:
        raise Problem(409, "This draft has errors; mend them to see what it changes.", faults=definitions.faults(found))
    return definitions.diff(row.version, version, before, text, lang)


async def _answered(parts: ApiParts, shown: dict[str, Any], response: Response) -> DraftOut:
    try:
        diagnostics = definitions.diagnostics(await parts.checker.check(shown["text"]))
    except Busy:
        diagnostics = None
    response.headers["ETag"] = etag(shown["edit"])
    return DraftOut(**shown, diagnostics=diagnostics)
