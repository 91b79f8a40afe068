"""What a patient follows: their pathways, each at its version, and what is over them, each with the count of its edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import CareTeam, ContactRulesRow, Enrolment, NetworkSupply, Organisation, Patient, RequestLimits

#: What is over somebody, of a statement that is ``ruled``.
RULES = (
    ContactRulesRow.network_id,
    ContactRulesRow.version,
    ContactRulesRow.calendar_edits,
    RequestLimits.version,
    NetworkSupply.edits,
)


@dataclass(frozen=True, slots=True)
class Followed:
    """``pinned``: pathways and versions; ``place``: the centre that looks after them, beneath ``parent``.

    ``contact``: whose rules of contact, and the counts of their edits; ``limits`` and ``supply``: those of the network's limits for
    requests and of its holds. None where nothing was ever edited.
    """

    pinned: tuple[tuple[str, str], ...]
    place: str
    parent: str | None
    network: str
    contact: tuple[str | None, int | None, int | None]
    limits: int | None
    supply: int | None

    @classmethod
    def of(cls, pinned: Sequence[tuple[str, str]], place: Sequence[Any], rules: Sequence[Any]) -> Followed:
        """``place``: its id, parent and network; ``rules``: a row's ``RULES``."""
        centre, parent, network = place
        contact_of, version, calendars, limits, supply = rules
        return cls(tuple(pinned), centre, parent, network, (contact_of, version, calendars), limits, supply)


def ruled(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The query, which has the organisation, with what is over it beside."""
    return (
        query.outerjoin(ContactRulesRow, ContactRulesRow.network_id == Organisation.network_id)
        .outerjoin(NetworkSupply, NetworkSupply.network_id == Organisation.network_id)
        .outerjoin(RequestLimits, RequestLimits.network_id == Organisation.network_id)
    )


_FOLLOWED: Select[*tuple[Any, ...]] = (
    ruled(
        select(Enrolment.pathway, Enrolment.version, Organisation.id, Organisation.parent_id, Organisation.network_id, *RULES)
        .select_from(Patient)
        .outerjoin(Enrolment, Enrolment.patient_id == Patient.id)
        .join(CareTeam, CareTeam.id == Patient.care_team_id)
        .join(Organisation, Organisation.id == CareTeam.organisation_id)
    )
    .where(Patient.id == bindparam("patient"))
    .order_by(Enrolment.pathway)
)  # asked at each step, so it is built once


async def followed(session: AsyncSession, patient_id: str) -> Followed | None:
    """None for somebody whom nobody knows."""
    rows: Sequence[Row[*tuple[Any, ...]]] = (await session.execute(_FOLLOWED, {"patient": patient_id})).all()
    if not rows:
        return None
    pinned = tuple((row[0], row[1]) for row in rows if row[0] is not None)  # somebody on no pathway has one row without
    return Followed.of(pinned, rows[0][2:5], rows[0][5:])
