"""Reading the audit log: who opened whose record, newest first.

Rule 1: an entry that is found by its patient is found however long the log is; nothing here reads a whole table.
Rule 2: an auditor of a place reads what was done from there, and what anybody did to a patient who is looked after there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor, moment_in, number_in
from records.scope import Scope
from records.tables import AuditRow, AuditSubject, Moment, Patient


@dataclass(frozen=True)
class AuditReading:
    """The audit log within one transaction."""

    session: AsyncSession

    async def page(
        self,
        places: frozenset[str] | None,
        *,
        patient: str | None = None,
        who: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        after: str | None = None,
    ) -> Page[AuditRow]:
        """From ``since`` on and before ``until``, of one patient or of callers at ``places`` (None: all). Raises BadCursor.

        ``action``: only what was done by this right.
        """
        order = (AuditRow.at, AuditRow.chain, AuditRow.seq)
        query = select(AuditRow).order_by(*(column.desc() for column in order)).limit(limit + 1)
        if patient is not None:
            same = (AuditSubject.chain == AuditRow.chain, AuditSubject.seq == AuditRow.seq)
            query = query.join(AuditSubject, same[0] & same[1]).where(AuditSubject.patient_id == patient)
        elif places is not None:
            query = query.where(AuditRow.place.in_(sorted(places)))
        if who is not None:
            query = query.where(AuditRow.who == who)
        if action is not None:
            query = query.where(AuditRow.action == action)
        if since is not None:
            query = query.where(AuditRow.at >= since)
        if until is not None:
            query = query.where(AuditRow.at < until)
        key = behind(after, 3)
        if key is not None:
            try:
                last = (literal(moment_in(key[0]), Moment()), literal(key[1]), literal(number_in(key[2])))
                query = query.where(tuple_(*order) < tuple_(*last))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        end = shown[-1] if len(found) > limit else None
        return Page(shown, cursor(end.at.isoformat(), end.chain, str(end.seq)) if end is not None else None)

    async def known_to(self, scope: Scope, patients: Iterable[str]) -> frozenset[str]:
        """Those of the patients whom the auditor's teams look after; all of them, also those who are not there any more, for
        an auditor of every team.
        """
        ids = frozenset(patients)
        if scope.whole_network or not ids:
            return ids
        known = scope.of_teams(select(Patient.id).where(Patient.id.in_(sorted(ids))), Patient.care_team_id)
        return frozenset(await self.session.scalars(known))
