"""How much of the time a patient had their medicine at hand, by medicine and by class."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from api.models.patients import AdherenceOut
from api.showing.words import in_language
from pathways.engine.adherence import Kept, fills_in, kept_up
from pathways.engine.assess import assess, facts
from pathways.engine.state import Person
from pathways.language.medicines import read_classes, shipped_checks
from records.eventlog import EventLog
from records.tables import Patient
from records.vault import PersonVault


async def show_adherence(
    session: AsyncSession, patient: Patient, person: PersonVault | None, today: date, language: str
) -> list[AdherenceOut]:
    """Of the last year; nothing for a person who was forgotten."""
    if person is None:
        return []
    fills = fills_in(await EventLog(session, patient, person).of_kinds("enrolled", "dispensed", "corrected"))
    checks = shipped_checks()
    codes = {
        fill.medicine: known.atc for fill in fills if (known := checks.medicines.get(checks.own_name(fill.medicine))) is not None
    }
    titles = {one.name: in_language(one.title, language) for one in read_classes()}
    return [
        _shown(one, titles.get(one.of, one.of) if one.is_class else one.of) for one in kept_up(fills, codes, read_classes(), today)
    ]


def _shown(one: Kept, title: str) -> AdherenceOut:
    share = float(one.covered.share)
    return AdherenceOut(
        of="class" if one.is_class else "medicine",
        name=one.of,
        title=title,
        first=one.first,
        last=one.last,
        covered_days=one.covered.covered_days,
        period_days=one.covered.period_days,
        pdc=round(share, 4),
        adherent=_adherent(share) if one.judged else None,
    )


def _adherent(share: float) -> bool | None:
    """By the table that says from which share on."""
    rules = shipped_checks().refills
    if rules is None:
        return None
    known = facts(rules, Person(), None, {"pdc": share}, on=date.min)
    decision = assess(rules, rules.tables["adherence"], known).decision
    return decision is not None and decision.name == "ADHERENT"
