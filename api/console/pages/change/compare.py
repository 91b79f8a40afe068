"""*Compare*: what one text of a pathway changes beside another, in the words of care, and the two texts side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api import definitions
from api.checker import Diagnostic
from api.console.desk import N_
from api.console.pages.change.common import Meant, Reads, meant, title_of
from api.console.pages.change.texts import side_by_side
from api.depends import Parts, PathwayName
from api.models.pathways import DifferenceOut, DiffOut
from api.parts import ApiParts
from api.routes.forecasts import UNMET
from api.showing.drafts import briefs
from api.showing.words import in_language
from pathways.engine.plan import Pathway
from records.drafts import OPEN, Drafts
from records.pathways import PublishedPathways

router = APIRouter(include_in_schema=False)

TO_CHOOSE = 40  # versions, and drafts, of a list to choose from
#: The order in which changes are told, and what each kind is called.
GROUPS: Mapping[str, str] = {
    "rhythm": N_("Visits and checks"),
    "tables": N_("Decisions"),
    "medicines": N_("Medicines"),
    "referrals": N_("Referrals"),
    "messages": N_("Messages"),
    "readings": N_("What is measured and asked"),
    "pathway": N_("The pathway itself"),
}
OF_AREA = {
    "table": "tables",
    "decision": "tables",
    "value": "tables",
    "tag": "tables",
    "reading": "readings",
    "message": "messages",
}
OF_SERVICE = {"refill": "medicines", "referral": "referrals", "message": "messages"}


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of a pathway with all that changes in it. ``title``: as the pathway calls it, else its name."""

    title: str
    name: str
    changes: Sequence[DifferenceOut]


@dataclass(frozen=True, slots=True)
class Group:
    """Changes of one kind."""

    title: str
    things: Sequence[Thing]


@router.get("/pathways/{name}/compare")
async def compare_page(
    desk: Reads,
    parts: Parts,
    name: PathwayName,
    before: Annotated[str, Query(alias="from", max_length=64)] = "",
    after: Annotated[str, Query(alias="to", max_length=64)] = "",
) -> Response:
    """From a version (left out: the one in force) to a version or a draft (left out: the draft that was changed last)."""
    async with parts.database.reading() as session:
        published = PublishedPathways(session)
        drafts = [one for one in (await Drafts(session).page(name, status=None, limit=TO_CHOOSE)).items if one.status in OPEN]
        versions = (await published.versions(name, limit=TO_CHOOSE)).items
        current = await published.current(name)
        after = after or (drafts[0].id if drafts else current.version if current is not None else "")
        new = await meant(session, name, after)
        before = before or (current.version if current is not None else "")
        old = new if before == new.id else await meant(session, name, before) if before else Meant("", "")
        title, open_drafts = await title_of(desk, session, name, current), await briefs(session, drafts)
    found, wrong = await told(parts, old, new, desk.language)
    return desk.html(
        "change/compare.html",
        name=name,
        title=title,
        old=old,
        new=new,
        found=found,
        groups=grouped(found, old, new, desk.language) if found is not None else [],
        wrong=wrong,
        chunks=side_by_side(old.text, new.text),
        versions=versions,
        drafts=open_drafts,
    )


async def told(parts: ApiParts, old: Meant, new: Meant, language: str) -> tuple[DiffOut | None, list[Diagnostic]]:
    """What changes; None with what is wrong where one of the two is a draft that has errors. Raises Problem 503."""
    for one in (old, new):
        if one.draft is not None:  # in a process that may be ended, before it is compiled in this one
            checked = await definitions.checked(parts, one.text)
            if stops := [fault for fault in checked.diagnostics if fault.severity == "error" and fault.kind != UNMET]:
                return None, stops
    if not old.version:
        return None, []
    return definitions.diff(old.version, new.version, old.text, new.text, language), []


def grouped(found: DiffOut, old: Meant, new: Meant, language: str) -> list[Group]:
    """Changes by kind, then by what they are about, in the order of the definition."""
    sides = [definitions.compiled(one.text).pathway for one in (new, old)]
    by: dict[str, dict[str, list[DifferenceOut]]] = defaultdict(lambda: defaultdict(list))
    titles: dict[str, str] = {}
    for change in found.changes:
        kind, title = _kind_and_title(change, [side for side in sides if side is not None], language)
        by[kind][change.name].append(change)
        titles.setdefault(f"{kind}/{change.name}", title)
    return [
        Group(title, [Thing(titles[f"{kind}/{name}"], name, changes) for name, changes in by[kind].items()])
        for kind, title in GROUPS.items()
        if kind in by
    ]


def _kind_and_title(change: DifferenceOut, sides: Sequence[Pathway], language: str) -> tuple[str, str]:
    title, kind = "", OF_AREA.get(change.area, "pathway")
    for side in sides:
        thing = {"service": side.services, "decision": side.decisions, "reading": side.readings, "table": side.tables}.get(
            change.area, {}
        ).get(change.name)
        if thing is None:
            continue
        if change.area == "service":
            kind = OF_SERVICE.get(getattr(thing, "kind", ""), "rhythm")
        title = in_language(getattr(thing, "title", None) or getattr(thing, "label", None) or {}, language)
        break
    return kind, title if change.area not in ("pathway", "tag") else ""
