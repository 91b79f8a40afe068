"""Numbers that were given for somebody and are not confirmed yet; nothing personal goes there before they are.

Rule 1: a number is in ``sealed`` alone, under the patient's own key; it is found by its keyed hash.
Rule 2: of each person one number waits to be confirmed; a newer one takes the place of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.number_marks import NumberMarks
from records.patients import Held, Patients
from records.tables import NumberChange, NumberMark, Patient
from records.vault import PersonVault, Vault

Who = Literal["patient", "carer"]
WHO: tuple[Who, ...] = ("patient", "carer")
OPEN_FOR = timedelta(days=7)
MOST_TRIES = 3
PURPOSE = "number_change"
_KNOWN = (
    select(NumberMark.who, NumberChange)
    .select_from(Patient)
    .outerjoin(NumberMark, NumberMark.patient_id == Patient.id)
    .outerjoin(NumberChange, NumberChange.patient_id == Patient.id)
    .where(Patient.id == bindparam("patient"))
    .order_by(NumberChange.who)
)


@dataclass(frozen=True)
class NumberChanges:
    """Numbers that wait to be confirmed, in one transaction."""

    session: AsyncSession
    vault: Vault

    async def of(self, patient_id: str) -> dict[Who, NumberChange]:
        """Those of a patient and their carer; whoever changes one holds the patient."""
        query = select(NumberChange).where(NumberChange.patient_id == patient_id).order_by(NumberChange.who)
        rows = await self.session.scalars(query.execution_options(populate_existing=True))
        return {who: row for row in rows for who in WHO if row.who == who}

    async def known(self, patient_id: str) -> tuple[frozenset[str], dict[Who, NumberChange]]:
        """Whose number a channel does not reach, and those that wait: what is shown beside the numbers, in one question."""
        rows = (await self.session.execute(_KNOWN, {"patient": patient_id})).all()
        marked = frozenset(marked for marked, _ in rows if marked is not None)
        return marked, {who: change for _, change in rows if change is not None for who in WHO if change.who == who}

    async def on(self, phone: str) -> list[str]:
        """The patients for whom this number was given."""
        query = select(NumberChange.patient_id).where(NumberChange.token == self.vault.token("phone", phone))
        return sorted(set(await self.session.scalars(query)))

    async def put(self, held: Held, who: Who, number: str, *, event: str, by: str, at: datetime) -> None:
        """Keep ``number`` (E.164) until it is confirmed; what was learnt of one before says nothing of it."""
        patient = held.patient.id
        await self.drop(patient, who)
        self.session.add(
            NumberChange(
                patient_id=patient,
                who=who,
                token=self.vault.token("phone", number),
                asked=at,
                expires=at + OPEN_FOR,
                by=by,
                event=event,
                sealed=held.person.seal(PURPOSE, {"number": number}),
            )
        )

    async def drop(self, patient_id: str, who: Who) -> None:
        """Nothing waits any longer."""
        row = await self.session.get(NumberChange, (patient_id, who))
        if row is not None:
            await self.session.delete(row)
            await self.session.flush()
        await NumberMarks(self.session).lift(patient_id, f"new_{who}")

    async def use(self, patients: Patients, held: Held, change: NumberChange) -> None:
        """It is confirmed: texts go there from now on. What channels do not reach it is known already."""
        profile, number = await patients.profile(held.patient), number_in(change, held.person)
        new = replace(profile, phone=number) if change.who == "patient" else replace(profile, carer_phone=number)
        await patients.update_profile(held.patient, new)
        await NumberMarks(self.session).lift(held.patient.id, change.who)
        theirs = (NumberMark.patient_id == held.patient.id, NumberMark.who == f"new_{change.who}")
        await self.session.execute(update(NumberMark).where(*theirs).values(who=change.who))
        await self.session.delete(change)


def number_in(change: NumberChange, person: PersonVault) -> str:
    """The number, E.164."""
    return str(person.open(PURPOSE, change.sealed)["number"])


def is_open(change: NumberChange, now: datetime) -> bool:
    """Whether an answer from the number is still waited for."""
    return change.tries < MOST_TRIES and now < change.expires


def asks(changes: Sequence[NumberChange], key: str) -> NumberChange | None:
    """The one that the text with this key asks about: a text for a number that was replaced never goes to the newer one."""
    return next((change for change in changes if f"/{change.event}#" in key), None)
