"""What comes from a number that was given as somebody's and is not confirmed yet.

Rule 1: the birth year of the person followed confirms it, within three tries and seven days; "2", *no* and *STOP* are a no.
Rule 2: nothing is answered to it but that it was not understood; whose number it may be is told to nobody.
Rule 3: words of danger are for a person of the team, at once: they may be the patient's. Whatever it says is kept.
Rule 4: on a phone that patients have already, only a year and nothing else is an answer to us; the rest is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from activities.answers import normalise, only, read_answer
from activities.channels.port import InboundSms
from pathways.engine.events import AnyEvent, NumberAnswered, NumberSettled
from pathways.language import source
from records.eventlog import EventLog
from records.messages import Messages
from records.numbers import MOST_TRIES, WHO, NumberChanges, Who, is_open, number_in
from records.patients import Held, Patients, profile_in
from records.tables import NumberChange

YEAR = r"(?<!\d)(?:19|20)\d\d(?!\d)"
Came = Literal["taken", "not_theirs", "for_a_person"]
"""What is left to do: nothing; what would be without us; or, on a shared phone, a person reads what may be meant for either."""


@dataclass
class NewNumbers:
    """One SMS, within its transaction, from a number that waits to be confirmed for each of ``waiting``, by patient."""

    session: AsyncSession
    patients: Patients
    waiting: Mapping[str, Held]
    sms: InboundSms
    now: datetime
    new: int = 0

    async def take(self, *, shared: bool) -> Came:
        """``shared``: the phone is some patient's already."""
        changes = await self._changes()
        if not changes:
            return "not_theirs"
        plain = only(self.sms.text)
        answer = read_answer(self.sms.text, language="")
        years = re.findall(YEAR, plain)
        if answer.kind == "danger" or self.sms.opt_out == "help":
            if answer.kind == "danger":
                await self._tell_all(changes, "danger")
        elif answer.kind == "stop" or self.sms.opt_out == "stop" or (not shared and plain in _no()):
            for held, who, change in changes:
                await self._settle(held, who, change, "refused")
        elif len(years) == 1 and (not shared or re.fullmatch(f"{YEAR}年?", plain)):
            await self._year(changes, int(years[0]))
            await self._keep(changes)
            return "taken"
        elif shared:
            return "for_a_person" if plain in _no() else "not_theirs"
        else:
            await self._not_understood(changes)
        if shared:
            return "not_theirs"
        await self._keep(changes)
        return "taken"

    async def _changes(self) -> list[tuple[Held, Who, NumberChange]]:
        """Of this number alone: another may wait for the same patient's carer."""
        numbers, found = NumberChanges(self.session, self.patients.vault), []
        for patient, held in self.waiting.items():
            waiting = await numbers.of(patient)
            for who in WHO:
                if who in waiting and number_in(waiting[who], held.person) == self.sms.from_:
                    found.append((held, who, waiting[who]))
        return found

    async def _year(self, changes: list[tuple[Held, Who, NumberChange]], year: int) -> None:
        """Whoever was born in this year is meant; where nobody was it is one wrong answer for each."""
        still = [(held, who, change) for held, who, change in changes if is_open(change, self.now)]
        born = {held.patient.id: profile_in(held.patient, held.person).born for held, _, _ in still}
        meant = [one for one in still if (day := born[one[0].patient.id]) is not None and day.year == year]
        for held, who, change in meant:
            await self._settle(held, who, change, "confirmed")
        if not meant:
            await self._not_understood(changes)

    async def _settle(self, held: Held, who: Who, change: NumberChange, how: Literal["confirmed", "refused"]) -> None:
        numbers = NumberChanges(self.session, self.patients.vault)
        event = NumberSettled(id=f"{change.event}/{how}", at=self.now, learnt=self.now, who=who, how=how)
        if how == "confirmed":
            await numbers.use(self.patients, held, change)
        else:
            await numbers.drop(held.patient.id, who)
        await self._append(held, event)

    async def _not_understood(self, changes: list[tuple[Held, Who, NumberChange]]) -> None:
        """Asked again, once for the phone, until the tries are used up; then a person calls."""
        asked = False
        for held, who, change in changes:
            if not is_open(change, self.now):
                continue
            change.tries += 1
            if change.tries >= MOST_TRIES:
                settled = NumberSettled(
                    id=f"{change.event}/not_confirmed", at=self.now, learnt=self.now, who=who, how="not_confirmed"
                )
                await self._append(held, settled)
            elif not asked:
                asked = True
                await self._append(held, self._answered(who, "unclear"))

    async def _tell_all(self, changes: list[tuple[Held, Who, NumberChange]], kind: Literal["unclear", "danger"]) -> None:
        for held, who, _ in changes:
            await self._append(held, self._answered(who, kind))

    def _answered(self, who: Who, kind: Literal["unclear", "danger"]) -> NumberAnswered:
        return NumberAnswered(id=f"sms/{self.sms.provider_id}/{who}", at=self.now, learnt=self.now, who=who, kind=kind)

    async def _append(self, held: Held, event: AnyEvent) -> None:
        self.new += await EventLog(self.session, held.patient, held.person).append(event)

    async def _keep(self, changes: list[tuple[Held, Who, NumberChange]]) -> None:
        """What it said, for whoever calls; once for each patient."""
        kept: set[str] = set()
        for held, who, _ in changes:
            if held.patient.id not in kept:
                kept.add(held.patient.id)
                key, text = f"sms/{self.sms.provider_id}", self.sms.text
                Messages(self.session).keep_inbound(held.person, key=key, at=self.now, text=text, who=f"new_{who}")


@cache
def _no() -> frozenset[str]:
    words = source.shipped(Path(__file__).with_name("answers.yaml"))["not_me"]
    return frozenset(normalise(word) for word in words)
