"""Handing out keys and accounts: which role stands where, and who may give it.

Rule 1: a role's place is of its kind: a clinic stands at a hospital, a pharmacy at a pharmacy, care at a team or what is above it.
Rule 2: nobody gives what reaches beyond their own place, and a key that is limited gives nobody of its role more than it has.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from api.problems import Problem, unusable
from api.rights import ROLES, rights_of
from records.callers import Caller
from records.places import EVERYWHERE, Subtree
from records.tables import CareTeam, Organisation

KIND_OF = {"clinic": "hospital", "pharmacy": "pharmacy"}
CARES = frozenset({"coordinator", "health_manager", "doctor"})
ASKED = frozenset(KIND_OF.values())


async def fits(session: AsyncSession, role: str, place: str, rights: Collection[str] | None = None) -> None:
    """Raises Problem 422 unless there is such a role and such a place, and they and the rights go together."""
    if role not in ROLES:
        raise unusable("role", "is no role", f"use one of: {', '.join(ROLES)}")
    beyond = sorted(set(rights or ()) - set(rights_of(role)))
    if beyond:
        raise unusable("rights", f"a {role} never has: {', '.join(beyond)}", f"choose among: {', '.join(rights_of(role))}")
    if place == EVERYWHERE:
        return
    organisation = await session.get(Organisation, place)
    if organisation is None and await session.get(CareTeam, place) is None:
        raise unusable("place", "is no place and no care team", f"use the id of one, or {EVERYWHERE} for every network")
    kind = organisation.kind if organisation is not None else "care team"
    if role in KIND_OF and kind != KIND_OF[role]:
        raise unusable("place", f"is a {kind}", f"a {role} stands at a {KIND_OF[role]}, or at {EVERYWHERE}")
    if role in CARES and kind in ASKED:
        raise unusable(
            "place", f"is a {kind}", f"a {role} stands at a care team, a station, a centre, a network, or at {EVERYWHERE}"
        )


def given(id_: str, role: str, place: str) -> str:
    """What the audit log says of a key or an account that was handed out or changed: which, and what it now opens."""
    return f"{id_} {role} {place}"


def theirs_to_give(caller: Caller, under: Subtree, role: str, place: str, rights: Collection[str] | None = None) -> None:
    """Raises Problem 403 unless the caller may hand this out."""
    if not under.covers(place):
        raise Problem(403, "You may hand out keys and accounts of your own place and what is beneath it; this place is not.")
    if caller.rights is None or role != caller.role:
        return
    if rights is None or not caller.rights.issuperset(rights):
        raise Problem(403, f"Your key is limited; it gives a {role} no more than: {', '.join(sorted(caller.rights))}.")
