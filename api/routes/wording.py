"""Texts to patients before they go out: by language, channel and sample patient, with what they cost and what is wrong.

Rule: what is shown is made by what sends; nothing of a real patient is read, and nothing is sent or kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from activities.rendering import network_wording
from api.depends import Session, may
from api.models.wording import EVERY, PreviewIn, PreviewOut, PreviewsOut, Sample, WordingFinding
from api.problems import not_found, unusable
from pathways.language import load_published
from pathways.language.previewing import Preview, preview
from pathways.language.privacy import Forbidden, forbidden_for, forbidden_words
from pathways.language.wording import NotPlain, NoWording, Wording, shipped_frames
from records.callers import Caller
from records.drafts import Drafts
from records.pathways import PublishedPathways

router = APIRouter(prefix="/wording", tags=["pathways"])

Reads = Annotated[Caller, may("pathways.read")]
Drafting = Annotated[Caller, may("pathways.draft", looks=True)]
NETWORKS_OWN = ""  # the name under which texts stand that belong to no pathway
UNCOUNTED = frozenset({"whatsapp"})

A_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,59}$"
OneName = Annotated[str, Query(pattern=A_NAME)]
Messages = Annotated[
    tuple[OneName, ...], Query(min_length=1, max_length=4, description="messages of one day, which become one text")
]
Languages = Annotated[
    tuple[Annotated[str, Query(pattern="^[A-Za-z-]{2,20}$")], ...], Query(max_length=10, description="of readers; none: every one")
]


@router.get("/preview", summary="A text as it would go out")
async def read_preview(
    caller: Reads,
    session: Session,
    message: Messages,
    pathway: Annotated[str | None, Query(pattern=A_NAME, description="none: the network's own texts")] = None,
    version: Annotated[str | None, Query(max_length=64, description="none: the one that new enrolments follow")] = None,
    draft: Annotated[str | None, Query(max_length=40, description="a draft's id, in place of a version")] = None,
    language: Languages = (),
    channel: Annotated[str, Query(pattern="^[a-z][a-z0-9_-]{0,39}$", description="where SMS are counted, or whatsapp")] = "sms",
    sample: Annotated[Sample, Query(description="names of usual length, or long ones")] = "usual",
    sms_cost: Annotated[float | None, Query(ge=0, le=1000, description="of one SMS segment")] = None,
) -> PreviewsOut:
    """Messages of a pathway with a sample patient's names, in each language: what it says, how many SMS it is, what is wrong.

    A language that a text is not there in is shown in the one that its reader would get.
    """
    wording, forbidden, shown = await _words(session, pathway, version, draft)
    asked = [(pathway or NETWORKS_OWN, one) for one in message]
    if any(name not in wording.messages.get(of, {}) for of, name in asked):
        raise not_found()
    items = _previews(wording, forbidden, asked, language or EVERY, channel=channel, sample=sample, sms_cost=sms_cost)
    return PreviewsOut(pathway=pathway or NETWORKS_OWN, version=shown, items=items)


@router.post("/preview", summary="A text that is being written")
async def try_wording(caller: Drafting, session: Session, body: PreviewIn) -> PreviewsOut:
    """The same of bodies that are sent along. Nothing is kept."""
    frames = shipped_frames()
    forbidden = Forbidden(forbidden_words(frames))
    if body.pathway is not None:
        _, forbidden, _ = await _words(session, body.pathway, None, None)
    name = body.pathway or NETWORKS_OWN
    asked = [(name, message) for message in body.texts]
    options = {"channel": body.channel, "sample": body.sample}
    wording = Wording({name: body.texts}, frames)
    items = _previews(wording, forbidden, asked, body.languages, given=body.given, sms_cost=body.sms_cost, **options)
    return PreviewsOut(pathway=name, version="", items=items)


async def _words(
    session: AsyncSession, pathway: str | None, version: str | None, draft: str | None
) -> tuple[Wording, Forbidden, str]:
    """The texts, what they must not say, and which version they are of. Raises Problem 404, 422."""
    frames = shipped_frames()
    if pathway is None:
        return network_wording(), Forbidden(forbidden_words(frames)), ""
    if draft is not None:
        kept = await Drafts(session).one(draft)
        if kept is None or kept.pathway != pathway:
            raise not_found()
        text, shown = kept.text, ""
    else:
        published = PublishedPathways(session)
        current = None if version else await published.current(pathway)
        row = await published.one(pathway, version or (current.version if current else ""))
        if row is None:
            raise not_found()
        text, shown = row.text, row.version
    loaded = load_published(text, file=pathway)
    if loaded.document is None:
        raise unusable("draft", "cannot be read as it stands", "check the draft, and mend what it says")
    return Wording({pathway: dict(loaded.wording.messages.get(pathway, {}))}, frames), forbidden_for(loaded.document, frames), shown


def _previews(
    wording: Wording,
    forbidden: Forbidden,
    asked: Sequence[tuple[str, str]],
    languages: Sequence[str],
    *,
    channel: str,
    sample: str,
    given: Mapping[str, str] | None = None,
    sms_cost: float | None = None,
) -> list[PreviewOut]:
    try:
        found = [preview(wording, forbidden, asked, one, long=sample == "long", given=given) for one in languages]
    except (NoWording, NotPlain) as refused:
        raise unusable(
            "message", f"cannot be put into words: {refused}", "fill in every variable, in one language at least"
        ) from None
    return [_shown(one, counted=channel not in UNCOUNTED, sms_cost=sms_cost) for one in found]


def _shown(one: Preview, *, counted: bool, sms_cost: float | None) -> PreviewOut:
    return PreviewOut(
        asked=one.asked,
        language=one.language,
        text=one.text,
        segments=one.segments if counted else None,
        encoding=one.encoding,
        units=one.units,
        left=one.left,
        strange=one.strange,
        cost=round(one.segments * sms_cost, 6) if counted and sms_cost is not None else None,
        findings=[
            WordingFinding(message=f.message, severity=f.severity, what=f.what, remedy=f.remedy, start=f.start)
            for f in one.findings
        ],
    )
