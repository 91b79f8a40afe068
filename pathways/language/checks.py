"""What must hold between the parts of a document once each part has its shape.

Rule 1: every name that is used is defined, and every text is there in every language.
Rule 2: nothing here changes anything; each check yields what it found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pathways.engine.plan import Pathway
from pathways.language import filling, names, reach, rhythms, trials, units
from pathways.language.document import Document, Value
from pathways.language.errors import PathwayError
from pathways.language.privacy import check_messages
from pathways.language.scenarios import Scenario
from pathways.language.wording import Frames


def check(
    document: Document, data: Mapping[str, Value], pathway: Pathway, scenarios: Sequence[Scenario], frames: Frames
) -> Iterator[PathwayError]:
    """Everything wrong between the parts. ``data`` is the well-shaped part of ``document``, ``pathway`` what came of it."""
    parts: Iterable[Iterator[PathwayError]] = (
        names.check_names(document, data),
        names.check_languages(document, data, frames),
        names.check_use(document, data),
        rhythms.check_rhythms(document, data, pathway),
        rhythms.check_readings(document, data),
        units.check_units(document, data),
        check_messages(document, frames),
        filling.check_filling(document, data, frames),
        reach.check_rows(document, data, pathway),
        trials.check_scenarios(document, pathway, scenarios),
        trials.check_tried(document, pathway, scenarios),
    )
    for part in parts:
        yield from part
