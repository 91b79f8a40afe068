"""One referral with what the receiving side should know of the patient.

Rule: only what the referral needs, and only while somebody still has the next word on it; who opens it is in the audit log.
"""

from __future__ import annotations

from api.models.requests import MedicineKnown, ReadingKnown, ReferralDetail, ReferralOut, ReferralRecord, TeamKnown
from api.showing.patients import Showing
from api.showing.requests import show_referrals
from api.showing.words import in_language
from pathways.engine.state import State
from records.referrals import OPEN
from records.tables import CareTeam, Organisation, Patient, ReferralRow


async def show_referral(showing: Showing, row: ReferralRow) -> ReferralDetail:
    """The referral, and the record of the patient while it is open."""
    (shown,) = await show_referrals(showing, [row])
    record = await _record(showing, row, shown) if row.stage in OPEN else None
    return ReferralDetail(**shown.model_dump(), record=record)


async def _record(showing: Showing, row: ReferralRow, shown: ReferralOut) -> ReferralRecord | None:
    patient = await showing.session.get_one(Patient, row.patient_id)
    state = await showing.state(patient)
    if state is None:
        return None
    return ReferralRecord(
        tag=patient.tag,
        conditions=list(state.person.conditions),
        readings=await _readings(showing, state, row.patient_id, shown.summary.pathway),
        medicines=[MedicineKnown(medicine=one.medicine, ends=one.ends) for one in state.supplies.values()],
        care_team=await _team(showing, patient),
    )


async def _readings(showing: Showing, state: State, patient_id: str, name: str) -> list[ReadingKnown]:
    """The readings that the referral's pathway knows, the latest first."""
    pathway = (await showing.plan(patient_id)).pathways.get(name)
    known = [(one, pathway.readings[key]) for key, one in state.readings.items() if key in pathway.readings] if pathway else []
    return [
        ReadingKnown(
            name=reading.name,
            label=in_language(reading.label, showing.language) or reading.name,
            value=list(one.value) if isinstance(one.value, tuple) else one.value,
            unit=reading.unit,
            on=one.on,
        )
        for one, reading in sorted(known, key=lambda pair: (-pair[0].on.toordinal(), pair[1].name))
    ]


async def _team(showing: Showing, patient: Patient) -> TeamKnown:
    team = await showing.session.get_one(CareTeam, patient.care_team_id)
    centre = await showing.session.get_one(Organisation, team.organisation_id)
    return TeamKnown(id=team.id, name=team.name, place=centre.name, phone=centre.phone)
