"""Pathways: read, checked, published, and taken back.

Rule 1: what is published has been checked, whole, and its own scenarios hold; a version never changes.
Rule 2: publishing changes what new enrolments follow and nothing else: whoever is enrolled stays on their version until a
        rollout moves them.
Rule 3: two coordinators do not overwrite each other: who publishes says which version they had read.
Rule 4: a pathway is everybody's who follows it: it is published by somebody who stands over every care team there is.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from api.checker import LARGEST, Busy, Checked, Diagnostic
from api.depends import After, IfMatch, Limit, Parts, Session, may, now_of
from api.models.pathways import CheckedOut, DiagnosticOut, PathwaysOut, PublishedOut, VersionOut, VersionsOut
from api.parts import ApiParts
from api.problems import Fault, Problem, changed_since, not_found, unread, unusable
from records.callers import Caller
from records.pathways import PublishedPathways, Version

router = APIRouter(prefix="/pathways", tags=["pathways"])

Reads = Annotated[Caller, may("pathways.read")]
Publishes = Annotated[Caller, may("pathways.publish")]

NOTE = (
    "New enrolments follow this version. Patients who are enrolled already stay on the version that they are on, "
    "until a rollout moves them."
)
_YAML = "pathway: hypertension\ntitle: {en: Hypertension}\n# ... the whole definition; see the guide\n"
_SENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"The definition, UTF-8, at most {LARGEST // 1024} kB.",
        "content": {"application/yaml": {"schema": {"type": "object"}, "example": _YAML}},
    }
}
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The definition", "content": {"application/yaml": {"schema": {"type": "object"}, "example": _YAML}}}
}


@router.get("", summary="Pathways")
async def list_pathways(caller: Reads, session: Session) -> PathwaysOut:
    """The version of each that new enrolments follow."""
    return PathwaysOut(items=[_shown(version) for version in await PublishedPathways(session).all_current()])


@router.post("/check", summary="What is wrong with a definition", openapi_extra=_SENT)
async def check_pathway(caller: Publishes, request: Request, parts: Parts) -> CheckedOut:
    """Everything at once, each with its place and its remedy; the definition's own scenarios are played. Nothing is stored."""
    checked = await _checked(parts, await _document(request))
    diagnostics = [_diagnostic(one) for one in checked.diagnostics]
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
    return VersionsOut(items=[_shown(version) for version in page.items], next=page.next)


@router.get("/{name}/versions/{version}", summary="A version's text", response_class=Response, responses=_TEXT)
async def read_version(caller: Reads, session: Session, name: str, version: str) -> Response:
    """The YAML as it was published; patients may be on it although it is not current any more."""
    return await _text(PublishedPathways(session), name, version)


@router.post(
    "/{name}/versions",
    summary="Publish a version",
    status_code=201,
    openapi_extra=_SENT,
    responses={200: {"model": PublishedOut, "description": "This very text was published before, and is the same version"}},
)
async def publish(
    caller: Publishes, request: Request, parts: Parts, name: str, response: Response, if_match: IfMatch = None
) -> PublishedOut:
    """Checked, kept for good, and current from now; the text that is current already is the same version (200).

    If-Match names the version that was read (428 without, where there is one). Whoever is enrolled stays on their version.
    """
    _everybodys(caller)
    text = await _document(request)
    checked = await _checked(parts, text)
    if checked.pathway is None or checked.version is None:
        raise Problem(422, "This definition has errors; nothing was published.", faults=_faults(checked))
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
            current = await published.publish(name, checked.version, text, by=caller.id, at=at)
    if known:
        response.status_code = 200
    return _published(current, response, new=not known)


@router.post("/{name}/versions/{version}/make-current", summary="Take a version back")
async def make_current(
    caller: Publishes, parts: Parts, name: str, version: str, response: Response, if_match: IfMatch = None
) -> PublishedOut:
    """New enrolments follow this version again. If-Match names the current one (428 without)."""
    _everybodys(caller)
    async with parts.database.begin() as session:
        published = PublishedPathways(session)
        await published.take_turns(name)
        current = await published.current(name)
        if await published.one(name, version) is None:
            raise not_found()
        if current is None or current.version != version:
            _expects(current, if_match)
            current = await published.make_current(name, version)
    return _published(current, response, new=False)


def _everybodys(caller: Caller) -> None:
    """Raises Problem 403 unless the caller stands over every team whose patients would follow what they publish."""
    if not caller.scope.whole_network:
        raise Problem(
            403, "Every care team follows a pathway; it takes somebody of the whole network to publish it. You may check it."
        )


def _expects(current: Version | None, if_match: str | None) -> None:
    """Raises Problem 412, 428."""
    if current is None and if_match in (None, "*"):
        return
    if if_match is None:
        raise unread()
    if current is None or if_match not in ("*", _etag(current.version)):
        raise changed_since()


async def _document(request: Request) -> str:
    """The text that was sent; no more of it is read than a definition may have. Raises Problem 413, 422."""
    sent = bytearray()
    async for part in request.stream():
        sent += part
        if len(sent) > LARGEST:
            raise Problem(413, f"A definition has at most {LARGEST // 1024} kB; make two pathways of it, or shorten its scenarios.")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        raise unusable("body", "is not UTF-8", "save the definition as UTF-8") from None


async def _checked(parts: ApiParts, text: str) -> Checked:
    try:
        return await parts.checker.check(text)
    except Busy:
        raise Problem(503, "Many definitions are being checked; nothing was stored. Please try again in a moment.") from None


def _faults(checked: Checked) -> list[Fault]:
    return [
        Fault(f"line {one.line}, column {one.column}", one.what, one.remedy)
        for one in checked.diagnostics
        if one.severity == "error"
    ]


def _diagnostic(one: Diagnostic) -> DiagnosticOut:
    return DiagnosticOut(**{name: getattr(one, name) for name in Diagnostic.__slots__})


async def _text(published: PublishedPathways, name: str, version: str) -> Response:
    row = await published.one(name, version)
    if row is None:
        raise not_found()
    return Response(row.text, media_type="application/yaml", headers={"ETag": _etag(row.version)})


def _etag(version: str) -> str:
    return f'"{version}"'


def _shown(version: Version) -> VersionOut:
    return VersionOut(**{name: getattr(version, name) for name in Version.__slots__})


def _published(current: Version, response: Response, *, new: bool) -> PublishedOut:
    response.headers["ETag"] = _etag(current.version)
    return PublishedOut(**_shown(current).model_dump(), new=new, note=NOTE)
