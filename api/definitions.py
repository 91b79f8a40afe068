"""Definitions that somebody sends: read, checked, and told apart from the version that is followed now."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import Request, Response

from api.checker import LARGEST, Busy, Checked, Diagnostic
from api.models.pathways import DiagnosticOut, DifferenceOut, DiffOut, PublishedOut, VersionOut
from api.parts import ApiParts
from api.problems import Fault, Problem, not_found, unusable
from pathways.language import Loaded, load_published
from pathways.language.differ import differences
from records.callers import Caller
from records.pathways import PublishedPathways, Version

NOTE = (
    "New enrolments follow this version. Patients who are enrolled already stay on the version that they are on, "
    "until a rollout moves them."
)
NO_CHANGE = "Nothing changes that patients or their care team would notice: comments, scenarios, or the order of things."
SHORTEST = 4  # digits of a version that name it where they suffice
YAML = "pathway: hypertension\ntitle: {en: Hypertension}\n# ... the whole definition; see the guide\n"


def sent(required: bool = True) -> dict[str, Any]:
    """What a route that takes a definition says of its body."""
    return {
        "requestBody": {
            "required": required,
            "description": f"The definition, UTF-8, at most {LARGEST // 1024} kB.",
            "content": {"application/yaml": {"schema": {"type": "object"}, "example": YAML}},
        }
    }


async def document(request: Request) -> str:
    """The text that was sent; no more of it is read than a definition may have. Raises Problem 413, 422."""
    came = bytearray()
    async for part in request.stream():
        came += part
        if len(came) > LARGEST:
            raise Problem(413, f"A definition has at most {LARGEST // 1024} kB; make two pathways of it, or shorten its scenarios.")
    try:
        text = came.decode()
    except UnicodeDecodeError:
        raise unusable("body", "is not UTF-8", "save the definition as UTF-8") from None
    return text


def keepable(text: str) -> str:
    """The text, if a database keeps it. Raises Problem 422."""
    if "\x00" in text:
        raise unusable("body", "holds a NUL character, which no database keeps", "save the definition as plain text")
    if not text.strip():
        raise unusable("body", "is empty", "send the definition, or name the version to begin from")
    return text


async def checked(parts: ApiParts, text: str) -> Checked:
    """What is wrong with ``text``. Raises Problem 503."""
    try:
        return await parts.checker.check(text)
    except Busy:
        raise Problem(503, "Many definitions are being checked; nothing was stored. Please try again in a moment.") from None


def faults(found: Checked) -> list[Fault]:
    """Its errors, as a problem says them."""
    return [
        Fault(f"line {one.line}, column {one.column}", one.what, one.remedy) for one in found.diagnostics if one.severity == "error"
    ]


def diagnostics(found: Checked) -> list[DiagnosticOut]:
    """All that was found."""
    return [DiagnosticOut(**{name: getattr(one, name) for name in Diagnostic.__slots__}) for one in found.diagnostics]


def everybodys(caller: Caller) -> None:
    """Raises Problem 403 unless the caller stands over every team whose patients would follow what they approve or publish."""
    if not caller.scope.whole_network:
        raise Problem(
            403,
            "Every care team follows a pathway; it takes somebody of the whole network to approve it, publish it or roll it out. "
            "You may draft and check it.",
        )


async def meant(published: PublishedPathways, pathway: str, said: str, *, field: str = "against") -> str:
    """The version that ``said`` names: the whole hash, or as much of its beginning as suffices. Raises Problem 404, 422."""
    if await published.one(pathway, said) is not None:
        return said
    found = await published.starting_with(pathway, said) if len(said) >= SHORTEST else []
    if len(found) > 1:
        raise unusable(field, "is the beginning of several versions", "write some more of the one that you mean")
    if not found:
        raise not_found()
    return found[0]


@lru_cache(maxsize=12)  # a text compiles to the same always; whoever compares reads the same two again and again
def compiled(text: str) -> Loaded:
    """A text that was checked, ready to be compared."""
    return load_published(text, file="document")


def diff(old: str, new: str, old_text: str, new_text: str, language: str) -> DiffOut:
    """From version ``old`` to ``new``, in the words of care."""
    found = differences(compiled(old_text), compiled(new_text), language)
    changes = [DifferenceOut(area=one.area, name=one.name, kind=one.kind, sentence=one.sentence) for one in found]
    return DiffOut(old=old, new=new, changes=changes, note="" if changes else NO_CHANGE)


def etag_of(version: str) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def shown(version: Version) -> VersionOut:
    """A version, as the API gives it."""
    return VersionOut(**{name: getattr(version, name) for name in Version.__slots__})


def now_followed(current: Version, response: Response, *, new: bool) -> PublishedOut:
    """What is current now, with its ETag."""
    response.headers["ETag"] = etag_of(current.version)
    return PublishedOut(**shown(current).model_dump(), new=new, note=NOTE)
