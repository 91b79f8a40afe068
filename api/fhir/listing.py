"""A search over what is asked, whichever resource type shows it."""

from __future__ import annotations

from collections.abc import Sequence

from api.fhir.asked import Source
from api.fhir.kinds import Door, Query
from records.merged import MOST_COUNTED, Merged
from records.pages import Page
from records.tables import Base

BY_CHANGE = frozenset({"_lastUpdated", "modified"})


async def listed(door: Door, query: Query, sources: Sequence[Source]) -> tuple[Page[Base], int | None]:
    """A page in the order of asking (or of the last change), and how many there are in all. Raises BadCursor.

    One name to sort by is enough: of one moment, rows are ordered by what they are and by their keys. Who asks for what changed at
    some time, and for no order, has it in the order of the change, where an index ends.
    """
    changed = any(one.name in BY_CHANGE for one in query.filters)
    name, descending = query.sort[0] if query.sort else ("_lastUpdated" if changed else "", False)
    arms = [arm for n, source in enumerate(sources) for arm in await source.arms(door, query, n, changed=name in BY_CHANGE)]
    merged = Merged(door.session, arms, descending)
    page = await merged.page(limit=query.count, after=query.after)
    if query.counted == "none":
        return page, None
    return page, await merged.count(most=None if query.counted == "exact" else MOST_COUNTED)
