"""What the pages of a change share: whose pathway it is, which text is meant, and forms into what the API takes.

Rule: what the API refuses is said in the reader's language where the catalogues know it, and as the API says it where they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import Plans, UnknownVersion
from activities.rolling import versions_followed
from api import definitions
from api.console.desk import N_, Desk, at
from api.console.languages import translations
from api.console.render import titled
from api.problems import Fault, Problem, not_found
from pathways.engine.plan import Pathway
from records.drafts import Drafts
from records.figures import followers
from records.pathways import PublishedPathways, Version
from records.scope import NETWORK, Scope
from records.tables import CareTeam, PathwayDraft

M = TypeVar("M", bound=BaseModel)
Reads = Annotated[Desk, at("pathways.read")]
A_PAGE = 25
MOST_TEAMS = 300  # of a list to choose from
MANY = 1000  # on a pathway: their count is as housekeeping made it last

_TOO_SHORT = N_("Say why, in a few words.")
_NOT_THIS = N_("This cannot be used here.")
_OUT_OF_RANGE = N_("This number is too small or too large.")
#: What the API says when a change cannot be made now, as a person in the middle of it would say it.
KNOWN = (
    N_("You wrote this draft, or edited it last."),
    N_("Ask a colleague who may approve pathways: whoever wrote a draft does not approve it."),
    N_("This draft has not been checked since it was edited last. Check it first."),
    N_("A second person has to approve this draft first: whoever wrote it asks a colleague."),
    N_("This has changed since you read it; nothing was stored. Read it again, and decide again."),
    N_("The request cannot be used as it is; nothing was stored."),
    N_("There is no such record among yours."),
    N_("Forecasts are being made already; nothing was asked for. Please try again in a minute."),
    N_("This forecast has ended already; there is nothing to stop."),
    N_("This definition has errors; there is nothing to try."),
    N_("This draft has errors; mend them to see what it changes."),
    N_("This version was retired, nobody is put on it any more; choose another one."),
)


def teller(desk: Desk) -> Callable[[str], str]:
    """What puts a page's own words into the reader's language."""
    return translations(desk.language).gettext


def told(desk: Desk, problem: Problem) -> Problem:
    """The same problem in the reader's language, as far as the catalogues go."""
    _ = teller(desk)
    faults = [Fault(one.field.removeprefix("body."), _(one.reason), one.remedy) for one in problem.faults]
    return Problem(problem.status, " ".join(map(_, _sentences(problem.detail))), faults=faults)


def _sentences(detail: str) -> list[str]:
    """``detail`` whole where it is known, else cut where a known beginning ends."""
    for known in KNOWN:
        if detail.startswith(f"{known} "):
            return [known, detail.removeprefix(known).strip()]
    return [detail]


def made(desk: Desk, model: type[M], **fields: Any) -> M:
    """What the API takes, of a form's fields. Raises Problem 422 with what is wrong, field by field."""
    _ = teller(desk)
    try:
        return model(**fields)
    except ValidationError as wrong:
        faults = {}
        for one in wrong.errors():
            name = ".".join(map(str, one["loc"][:2]))
            kind = one["type"]
            what = _TOO_SHORT if name == "why" else _OUT_OF_RANGE if "than" in kind or "int" in kind else _NOT_THIS
            faults[name] = Fault(name, _(what), "")
        raise Problem(422, _(KNOWN[5]), faults=list(faults.values())) from None


@dataclass(frozen=True, slots=True)
class Meant:
    """A text of a pathway: a published version, or a draft. ``version``: the hash of the text, either way."""

    version: str
    text: str
    draft: PathwayDraft | None = None
    published: datetime | None = None
    current: bool = False

    @property
    def id(self) -> str:
        """What an address names it by."""
        return self.draft.id if self.draft is not None else self.version


async def meant(session: AsyncSession, name: str, said: str) -> Meant:
    """The draft of this id, or the version that begins so. Raises Problem 404, 422."""
    published = PublishedPathways(session)
    row = await published.one(name, said)
    if row is None:
        draft = await Drafts(session).one(said)
        if draft is not None and draft.pathway == name:
            return Meant(draft.version, draft.text, draft=draft)
        row = await published.one(name, await definitions.meant(published, name, said))
    if row is None:
        raise not_found()
    return Meant(row.version, row.text, published=row.published, current=row.current)


async def draft_of(session: AsyncSession, name: str, draft_id: str) -> PathwayDraft:
    """A draft of this pathway. Raises Problem 404."""
    draft = await Drafts(session).one(draft_id)
    if draft is None or draft.pathway != name:
        raise not_found()
    return draft


async def compiled(session: AsyncSession, plans: Plans, name: str, version: str) -> Pathway | None:
    """A published version, ready to be followed; None where there is none, or this Cairn cannot use it."""
    try:
        plan, _ = await plans.made_of(session, [(name, version)])
    except UnknownVersion:
        return None
    return plan.pathways.get(name)


async def followed(session: AsyncSession, name: str) -> dict[str, int]:
    """How many enrolments there are on each version; of a city, those in care as housekeeping counted them last."""
    kept = (await followers(session, NETWORK)).get(name, {})
    return kept if sum(kept.values()) >= MANY else await versions_followed(session, name)


async def title_of(desk: Desk, session: AsyncSession, name: str, current: Version | None = None) -> str:
    """What the pathway is called, as the version in force says it. ``current``: that one, where it was read already."""
    current = current or await PublishedPathways(session).current(name)
    pathway = await compiled(session, desk.parts.plans, name, current.version) if current is not None else None
    return titled({name: pathway.title} if pathway is not None else {}, name, desk.language)


async def teams_of(session: AsyncSession, scope: Scope) -> list[tuple[str, str]]:
    """Care teams whose patients the caller sees: (id, name), by name; ``MOST_TEAMS`` at the most."""
    query = scope.of_teams(select(CareTeam), CareTeam.id)
    rows = await session.scalars(query.order_by(CareTeam.name, CareTeam.id).limit(MOST_TEAMS))
    return [(row.id, row.name or row.id) for row in rows]


async def names_of_teams(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """What these care teams are called."""
    asked = sorted(set(ids))
    rows = await session.execute(select(CareTeam.id, CareTeam.name).where(CareTeam.id.in_(asked)))
    return {id_: name or id_ for id_, name in rows}
