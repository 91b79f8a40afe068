"""Pathways: read, checked, published, and taken back.

Rule 1: what is published has been checked, whole, and its own scenarios hold; a version never changes.
Rule 2: publishing changes what new enrolments follow and nothing else: whoever is enrolled stays on their version until a
        rollout moves them.
Rule 3: two coordinators do not overwrite each other: who publishes says which version they had read.
Rule 4: a pathway is everybody's who follows it: it is published by somebody who stands over every care team there is.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import definitions
from api.depends import After, IfMatch, Language, Limit, Parts, Session, may, now_of
from api.models.pathways import (
    CheckedOut,
    DeedOut,
    DeedsOut,
    DiffOut,
    PathwaysOut,
    PublishedOut,
    VersionOut,
    VersionsOut,
    WhyIn,
)
from api.problems import Problem, changed_since, not_found, unread, unusable
from records.callers import Caller, names_of
from records.deeds import Deeds
from records.pathways import PublishedPathways, Retired, StillFollowed, Version

router = APIRouter(prefix="/pathways", tags=["pathways"])

Reads = Annotated[Caller, may("pathways.read")]
Publishes = Annotated[Caller, may("pathways.publish")]

SENT = definitions.sent()
TWO_PEOPLE = (
    "Here two people publish a pathway. Make a draft of it (POST /pathways/{name}/drafts), have it checked and approved by a "
    "colleague, and publish that."
)
RETIRED = "This version was retired: nobody is to be put on it any more. Publish another one."
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The definition",
        "content": {"application/yaml": {"schema": {"type": "object"}, "example": definitions.YAML}},
    }
}


@router.get("", summary="Pathways")
async def list_pathways(caller: Reads, session: Session) -> PathwaysOut:
    """The version of each that new enrolments follow."""
    return PathwaysOut(items=[definitions.shown(version) for version in await PublishedPathways(session).all_current()])


@router.post("/check", summary="What is wrong with a definition", openapi_extra=SENT)
async def check_pathway(caller: Publishes, request: Request, parts: Parts) -> CheckedOut:
    """Everything at once, each with its place and its remedy; the definition's own scenarios are played. Nothing is stored."""
    checked = await definitions.checked(parts, await definitions.document(request))
    diagnostics = definitions.diagnostics(checked)
    return CheckedOut(clean=checked.clean, pathway=checked.pathway, version=checked.version, diagnostics=diagnostics)


@router.get("/{name}", summary="The current version's text", response_class=Response, responses=_TEXT)
async def read_pathway(caller: Reads, session: Session, name: str) -> Response:
    """The YAML that new enrolments follow; its ETag is the version, for If-Match."""
    published = PublishedPathways(session)
    current = await published.current(name)
    if current is None:
        raise not_found()
    return await _text(published, name, current.version)


@router.get("/{name}/versions", summary="Versions of a pathway")
async def list_versions(caller: Reads, session: Session, name: str, limit: Limit = 50, after: After = None) -> VersionsOut:
    """Every version that was published, newest first."""
    page = await PublishedPathways(session).versions(name, limit=limit, after=after)
    if not page.items and after is None:
        raise not_found()
    return VersionsOut(items=[definitions.shown(version) for version in page.items], next=page.next)


@router.get("/{name}/versions/{version}", summary="A version's text", response_class=Response, responses=_TEXT)
async def read_version(caller: Reads, session: Session, name: str, version: str) -> Response:
    """The YAML as it was published; patients may be on it although it is not current any more."""
    return await _text(PublishedPathways(session), name, version)


@router.post(
    "/{name}/versions",
    summary="Publish a version",
    status_code=201,
    openapi_extra=SENT,
    responses={200: {"model": PublishedOut, "description": "This very text was published before, and is the same version"}},
)
async def publish(
    caller: Publishes, request: Request, parts: Parts, name: str, response: Response, if_match: IfMatch = None
) -> PublishedOut:
    """Checked, kept for good, and current from now; the text that is current already is the same version (200).

    If-Match names the version that was read (428 without, where there is one). Whoever is enrolled stays on their version.
    Where two people publish together (CAIRN_FOUR_EYES), this is 409 and says how.
    """
    definitions.everybodys(caller)
    if parts.four_eyes:
        raise Problem(409, TWO_PEOPLE)
    text = await definitions.document(request)
    checked = await definitions.checked(parts, text)
    if checked.pathway is None or checked.version is None:
        raise Problem(422, "This definition has errors; nothing was published.", faults=definitions.faults(checked))
    if checked.pathway != name:
        raise unusable("pathway", "is not the name in the address", "publish it under its own name, or mend the name inside")
    async with parts.database.begin() as session:
        published = PublishedPathways(session)
        await published.take_turns(name)
        current = await published.current(name)
        known = await published.one(name, checked.version) is not None
        if current is None or current.version != checked.version:
            _expects(current, if_match)
            at = await now_of(parts, session)
            try:
                current = await published.publish(name, checked.version, text, by=caller.id, at=at)
            except Retired:
                raise Problem(409, RETIRED) from None
    if known:
        response.status_code = 200
    return definitions.now_followed(current, response, new=not known)


@router.get("/{name}/versions/{version}/diff", summary="What a version changes")
async def read_diff(
    caller: Reads,
    session: Session,
    name: str,
    version: str,
    against: Annotated[
        str | None, Query(max_length=64, description="the version before it, by its first digits; left out: the current one")
    ] = None,
    lang: Language = "en",
) -> DiffOut:
    """From ``against`` to this version, in the words of care: what patients and their care team would notice."""
    published = PublishedPathways(session)
    new = await published.one(name, version)
    current = await published.current(name)
    if new is None or current is None:
        raise not_found()
    old = await published.one(name, await definitions.meant(published, name, against) if against else current.version)
    if old is None:
        raise not_found()
    return definitions.diff(old.version, new.version, old.text, new.text, lang)


@router.post("/{name}/versions/{version}/make-current", summary="Take a version back")
async def make_current(
    caller: Publishes,
    parts: Parts,
    name: str,
    version: str,
    response: Response,
    why: Annotated[str, Query(max_length=2000, description="the reason; kept with who did it and when")] = "",
    if_match: IfMatch = None,
) -> PublishedOut:
    """New enrolments follow this version again. If-Match names the current one (428 without).

    It takes no second person: it was published before. Say why; it is kept with who did it and when.
    """
    definitions.everybodys(caller)
    async with parts.database.begin() as session:
        published = PublishedPathways(session)
        await published.take_turns(name)
        current = await published.current(name)
        if await published.one(name, version) is None:
            raise not_found()
        if current is None or current.version != version:
            _expects(current, if_match)
            at = await now_of(parts, session)
            try:
                current = await published.make_current(name, version, by=caller.id, at=at, why=why)
            except Retired:
                raise Problem(409, RETIRED) from None
    return definitions.now_followed(current, response, new=False)


@router.post("/{name}/versions/{version}/retire", summary="Retire a version")
async def retire(caller: Publishes, parts: Parts, name: str, version: str, body: WhyIn) -> VersionOut:
    """Nobody is put on it any more: no enrolment, no rollout. Its text stays. 409 while it is current or patients are on it."""
    definitions.everybodys(caller)
    async with parts.database.begin() as session:
        published = PublishedPathways(session)
        await published.take_turns(name)
        try:
            at = await now_of(parts, session)
            retired = await published.retire(name, version, by=caller.id, at=at, why=body.why)
        except LookupError:
            raise not_found() from None
        except StillFollowed as held:
            raise Problem(409, str(held)) from None
    return definitions.shown(retired)


@router.get("/{name}/deeds", summary="Who did what to a pathway")
async def list_deeds(caller: Reads, session: Session, name: str, limit: Limit = 50, after: After = None) -> DeedsOut:
    """Drafts, approvals, versions and rollouts: who, when and why, the latest first."""
    page = await Deeds(session).page(name, limit=limit, after=after)
    if not page.items and after is None and await PublishedPathways(session).current(name) is None:
        raise not_found()
    names = await names_of(session, (deed.by for deed in page.items))
    fields = [field for field in DeedOut.model_fields if field != "by_name"]
    items = [DeedOut(**{field: getattr(deed, field) for field in fields}, by_name=names.get(deed.by, "")) for deed in page.items]
    return DeedsOut(items=items, next=page.next)


def _expects(current: Version | None, if_match: str | None) -> None:
    """Raises Problem 412, 428."""
    if current is None and if_match in (None, "*"):
        return
    if if_match is None:
        raise unread()
    if current is None or if_match not in ("*", definitions.etag_of(current.version)):
        raise changed_since()


async def _text(published: PublishedPathways, name: str, version: str) -> Response:
    row = await published.one(name, version)
    if row is None:
        raise not_found()
    return Response(row.text, media_type="application/yaml", headers={"ETag": definitions.etag_of(row.version)})
