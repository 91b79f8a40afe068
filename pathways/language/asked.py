"""Rules that are only asked, with cases of their own form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pathways.engine.plan import Pathway
from pathways.language import checks_of_medicine, refill_cases
from pathways.language.inputs import Case

Answers = Callable[[Pathway, Case, Callable[[str], None]], Iterator[dict[str, object]]]

#: By the name of the document.
ASKED: Mapping[str, Answers] = {"medication_checks": checks_of_medicine.answers, "refill_rules": refill_cases.answers}
