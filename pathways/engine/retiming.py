"""When a service is due once another version says how often: counted anew from the day from which it was counted.

Rule 1: what a version left comes back with it: the due day that an occurrence had is kept by version, and found again.
Rule 2: a move makes nobody overdue: a day that would lie in the past is soon; who is overdue under both stays as they are.
Rule 3: what the new version reckons the same way stays on its day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pathways.engine.plan import Pathway, Service
from pathways.engine.state import Left, Occurrence

SOON = 7  # days given where the new day would lie in the past
KEPT_WITHIN = timedelta(days=7)  # how far past the new due day a day agreed with the patient is kept


def counted(occurrence: Occurrence, service: Service, tag: str | None) -> date | None:
    """The due day by ``service``'s rhythm, or by the row's own number of days where that is shorter."""
    if occurrence.counted_from is None:
        return None
    rhythm = service.every.on(tag)
    days = rhythm if occurrence.within is None else min(occurrence.within, rhythm)
    return occurrence.counted_from + timedelta(days=days)


def due_under(
    occurrence: Occurrence,
    before: tuple[Service | None, str | None],
    after: tuple[Service, str | None],
    within: int | None,
    *,
    version: str,
    today: date,
) -> date:
    """The due day under ``version``. ``before`` and ``after``: the service there was and the one there is, with the worst tag.

    ``within``: the number of days that the row gives now.
    """
    service, tag = after
    was = occurrence.left.get(version)
    if was is not None:
        due = was.due if was.due > today or was.due <= was.on else _soon(occurrence, today)
        evened = service.kind == "follow_up" and (tag or "") != was.tag  # the worst tag is another one since
        return min(due, today + timedelta(days=service.every.on(tag))) if evened else due
    old, worst = before
    anew = counted(replace(occurrence, within=within), *after)
    if anew is None or anew == occurrence.due or (old is not None and counted(occurrence, old, worst) == anew):
        return occurrence.due
    return anew if anew > today else _soon(occurrence, today)


def within_under(occurrence: Occurrence, pathway: Pathway) -> int | None:
    """The number of days that the occurrence's row gives in ``pathway``; where the row is gone, those that it gave."""
    rows = (row for table in pathway.tables.values() for row in table.rows if occurrence.row and row.id == occurrence.row)
    row = next(rows, None)
    return occurrence.within if row is None else pathway.decisions[row.decision].within


def _soon(occurrence: Occurrence, today: date) -> date:
    return min(occurrence.due, today + timedelta(days=SOON))


def leaving(service: str, occurrence: Occurrence, version: str, to: str, *, today: date, tag: str | None) -> dict[str, Left]:
    """What is remembered of an occurrence of ``service`` whose patient goes from ``version`` to ``to``."""
    kept = {name: left for name, left in occurrence.left.items() if name != to}
    return {**kept, version: Left(occurrence.due, today, service, tag or "")}


def keeps_agreed_day(occurrence: Occurrence, due: date, today: date) -> bool:
    """Whether the day agreed with the patient holds although the due day becomes ``due``."""
    if not occurrence.confirmed or occurrence.booked is None or occurrence.booked < today:
        return False
    return occurrence.booked <= max(due, today) + KEPT_WITHIN or due >= occurrence.due
