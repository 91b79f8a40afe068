"""What a rollout would find, before it is begun.

Rule: counts only. Nobody's record is shown, so that none counts as opened in the audit log.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from activities.moves import Look, Move, Moves
from activities.plans import Plans
from records.clock import Clock
from records.database import Database
from records.patients import Held, Patients
from records.rollouts import Rollouts, Wanted
from records.scope import Scope
from records.vault import OPENED, Vault

AT_A_TIME = 50  # patients in one reading transaction


@dataclass(frozen=True, slots=True)
class Preview:
    """``enrolled``: patients on other versions; ``looked_at``: how many of them were looked at, at random, and counted."""

    enrolled: int
    looked_at: int
    fits: Mapping[str, int]
    codes: Mapping[str, int]
    sms: int


@dataclass(frozen=True)
class Previews:
    """Looks at patients as the rollout itself would."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock

    async def of(self, wanted: Wanted, scope: Scope, *, sample: int) -> Preview:
        """Look at ``sample`` patients of the caller's. Raises UnknownVersion."""
        fits: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        sms = 0
        async with self.database.reading() as session:
            rollouts = Rollouts(session)
            enrolled = await rollouts.on_other_versions(wanted.pathway, wanted.version, scope)
            patients = await rollouts.sample(wanted.pathway, wanted.version, scope, limit=sample)
        move = Move(wanted.pathway, wanted.version, wanted.policy, wanted.services, wanted.tags)
        with _unopened():
            for first in range(0, len(patients), AT_A_TIME):
                for look in await self._looks(move, patients[first : first + AT_A_TIME]):
                    fits[look.fit.fit if look.came_from else "gone"] += 1
                    codes.update(look.fit.codes)
                    sms += 0 if look.fit.fit == "needs_person" or wanted.policy == "new_only" else look.sms
        return Preview(enrolled, len(patients), dict(fits), dict(codes), sms)

    async def _looks(self, move: Move, patients: Sequence[str]) -> list[Look]:
        looks = []
        async with self.database.reading() as session:
            found = Patients(session, self.vault)
            moves = Moves(session, self.plans, await self.clock.now(session))
            for patient_id in patients:
                patient = await found.get(patient_id)
                try:
                    person = await found.vault_of(patient_id)
                except LookupError:
                    patient = None
                looks.append(Look() if patient is None else await moves.look(Held(patient, person), move))
                await asyncio.sleep(0)  # others are served meanwhile
        return looks


@contextmanager
def _unopened() -> Iterator[None]:
    token = OPENED.set(None)
    try:
        yield
    finally:
        OPENED.reset(token)
