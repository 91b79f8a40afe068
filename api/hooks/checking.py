"""What the tables of the medication checks find in prescriptions that are being written, and by which of them.

Rule 1: what is found is told where it comes with what is being written: what was so before stays unsaid, it was told elsewhere.
Rule 2: what is written anew of a medicine that is taken takes its place; it is not taken twice.
Rule 3: what a payer covers depends on what this one prescription is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.hooks.known import Around
from api.hooks.orders import Ordered
from pathways.engine.medication import Checks, Finding, Taken, findings, known_of


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, the prescriptions that bring it about, and the medicines of the patient's own that do so with them."""

    finding: Finding
    orders: tuple[Ordered, ...]
    together: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()  # what may be written in place of the one prescription, with which nothing is found


@dataclass(frozen=True)
class Checking:
    """``written``: what is looked at; ``beside``: what else is being written, and is not looked at by itself."""

    checks: Checks
    around: Around
    written: Sequence[Ordered]
    beside: Sequence[Ordered] = ()

    def found(self) -> list[Found]:
        """Everything that comes with what is written, the worst first."""
        everything = self._find(self._all())
        before = self._find(self._all(without=self.written))
        alone = self._find(self._orders(self.written))
        new = [name for name in everything if name not in before or name in alone]
        if not new:
            return self._paid_for()
        without = [(one, self._find(self._all(without=[one]))) for one in self.written] if len(self.written) > 1 else []
        others = {medicine: self._find(self._all(besides=medicine)) for medicine in self._kept()}
        found = []
        for name in new:
            orders = tuple(one for one, left in without if name not in left) or tuple(self.written)
            together = tuple(medicine for medicine, left in others.items() if name not in left)
            found.append(Found(everything[name], orders, together, self._instead(orders)))
        return sorted([*found, *self._paid_for()], key=self._rank)

    def _instead(self, orders: Sequence[Ordered]) -> tuple[str, ...]:
        """Of what the tables name in place of a medicine, what brings nothing of its own."""
        if len(orders) != 1 or len(orders[0].names) != 1:
            return ()
        others = self._all(without=orders)
        before, named = self._find(others), self.checks.substitutes.get(self.checks.own_name(orders[0].names[0]), ())
        return tuple(one for one in named if self._find([*others, Taken(one, None, self._starts(one))]).keys() <= before.keys())

    def _paid_for(self) -> list[Found]:
        found: list[Found] = []
        for one in self.written:
            if one.reasons:
                plain, asked = self._orders([one]), self._find(self._orders([one]), indication=list(one.reasons))
                found += [Found(finding, (one,)) for name, finding in asked.items() if name not in self._find(plain)]
        return found

    def _rank(self, one: Found) -> int:
        tags = self.checks.rules.tags
        return tags.index(one.finding.decision.tag) if one.finding.decision.tag in tags else len(tags)

    def _find(self, taken: Iterable[Taken], **given: object) -> dict[str, Finding]:
        known, today = self.around, self.around.today
        readings = known_of(known.readings, today)
        found = findings(self.checks, taken, known.person, readings, on=today, given=given or None)
        return {one.name: one for one in found}

    def _all(self, *, without: Sequence[Ordered] = (), besides: str = "") -> list[Taken]:
        left_out = {id(one) for one in without}
        orders = [one for one in (*self.written, *self.beside) if id(one) not in left_out]
        own = [Taken(name, dose) for name, dose in self._kept().items() if name != besides]
        return [*self._orders(orders), *own]

    def _kept(self) -> Mapping[str, float | None]:
        """What the patient takes, besides what is written anew."""
        anew = {self.checks.own_name(name) for one in (*self.written, *self.beside) for name in one.names}
        return {name: dose for name, dose in self._own().items() if name not in anew}

    def _own(self) -> Mapping[str, float | None]:
        return {self.checks.own_name(name): dose for name, dose in self.around.taken.items()}

    def _orders(self, orders: Iterable[Ordered]) -> list[Taken]:
        return [Taken(name, one.dose, self._starts(name)) for one in orders for name in one.names]

    def _starts(self, name: str) -> bool:
        """Whether it is not taken yet: a combination is none of it where all of its substances are taken."""
        taken = {part for own in self._own() for part in self._parts(own)}
        return not set(self._parts(self.checks.own_name(name))) <= taken

    def _parts(self, name: str) -> tuple[str, ...]:
        medicine = self.checks.medicines.get(name)
        return medicine.contains if medicine is not None and medicine.contains else (name,)
