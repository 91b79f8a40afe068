"""Forms of administration: a few fields, one button, and beside a dangerous one what it will do.

Rule: whatever cannot be taken back, or signs somebody out, is a page of its own that says so before it asks for the click.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk
from api.console.forms import Form
from api.editing import standing
from api.problems import Problem
from api.rights import ROLES
from records.places import EVERYWHERE
from records.tables import CareTeam, Organisation

SUGGESTED = 200  # places in a list to choose from; any other is written


@dataclass(frozen=True, slots=True)
class Tab:
    right: str
    path: str
    title: str


TABS: tuple[Tab, ...] = (
    Tab("holidays.write", "/admin", N_("Health")),
    Tab("places.write", "/admin/places", N_("Places")),
    Tab("accounts.manage", "/admin/people", N_("People")),
    Tab("keys.manage", "/admin/keys", N_("API keys")),
    Tab("hooks.manage", "/admin/connections", N_("Connections")),
    Tab("usage.read", "/admin/channels", N_("Channels")),
    Tab("holidays.write", "/admin/closures", N_("Closures")),
    Tab("holidays.write", "/admin/stock", N_("Stock")),
    Tab("holidays.write", "/admin/holidays", N_("Holidays")),
    Tab("referral_limits.write", "/admin/limits", N_("Time limits")),
    Tab("clock.move", "/admin/clock", N_("Clock")),
    Tab("audit.read", "/admin/audit", N_("Audit log")),
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One field. ``label``, ``hint``: keys of the catalogues; ``choices``: of a select, or suggested for a text (``listed``)."""

    name: str
    label: str
    type: str = "text"
    value: str = ""
    hint: str = ""
    required: bool = False
    choices: Sequence[tuple[str, str]] = ()
    listed: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


def page(desk: Desk, template: str, *, status: int = 200, **shown: Any) -> Response:
    """A page of administration with its tabs."""
    tabs = [tab for tab in TABS if desk.may(tab.right)]
    here = max((tab.path for tab in tabs if desk.request.url.path.startswith(tab.path)), key=len, default="")
    return desk.html(f"admin/{template}", status=status, tabs=tabs, here=here, **shown)


def asked(
    desk: Desk,
    title: str,
    fields: Sequence[Ask],
    *,
    back: str,
    button: str = N_("Save"),
    read: str = "",
    says: Sequence[str] = (),
    danger: bool = False,
    form: Form | None = None,
    status: int = 200,
    about: str = "",
    action: str = "",
) -> Response:
    """A form. ``title``, ``button`` and ``says`` are in the reader's language already; ``about``: whom or what it concerns;
    ``action``: where the form goes, if not to the page's own address.
    """
    return page(
        desk,
        "asked.html",
        status=status,
        title=title,
        fields=fields,
        back=back,
        button=button,
        read=read,
        says=says,
        danger=danger,
        form=form,
        about=about,
        action=action,
    )


def refused(desk: Desk, problem: Problem) -> Form:
    """The form that was sent with what was wrong, by the names of its fields. Raises what no form can mend."""
    if problem.status not in (409, 412, 422):
        raise problem
    told = desk.form.refused(problem)
    return Form(told.values, {name.rpartition(".")[2]: what for name, what in told.faults.items()})


async def names_of_places(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """By id of a place or a team: what it is called."""
    wanted = sorted({id_ for id_ in ids if id_ and id_ != EVERYWHERE})
    found: dict[str, str] = {}
    for table in (Organisation, CareTeam) if wanted else ():
        found |= {id_: name for id_, name in await session.execute(select(table.id, table.name).where(table.id.in_(wanted)))}
    return found


async def places_to_choose(
    session: AsyncSession, desk: Desk, *, teams: bool = True, kinds: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """The first places and teams at or beneath the caller's own, to choose from."""
    under = await standing(session, desk.caller)
    query = select(Organisation.id, Organisation.name, Organisation.kind).order_by(Organisation.id).limit(SUGGESTED)
    if not under.everywhere:
        query = query.where(Organisation.id.in_(sorted(under.organisations)))
    if kinds:
        query = query.where(Organisation.kind.in_(kinds))
    found = [(id_, name) for id_, name, _ in await session.execute(query)]
    if teams:
        of_teams = select(CareTeam.id, CareTeam.name).order_by(CareTeam.id).limit(SUGGESTED)
        if not under.everywhere:
            of_teams = of_teams.where(CareTeam.id.in_(sorted(under.teams)))
        found += [(id_, name) for id_, name in await session.execute(of_teams)]
    return found


def roles() -> list[tuple[str, str]]:
    """Roles to choose from; the template says them in words."""
    return [(role, role) for role in ROLES]
