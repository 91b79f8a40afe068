"""Task: what a place or a care team is asked to do, and how far it is.

A referral or a refill request is a Task that asks a place to fulfil an order (its ServiceRequest or MedicationRequest); a task of
the care team is one of our own kinds. Source: HL7 FHIR R4 Task; HL7 Clinical Order Workflows for what the statuses mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.fhir.asked import PRIORITIES, REFERRAL, REFERRALS, REFILLS, REQUEST, ROLE, TASK_CODE, WORK, work_key
from api.fhir.coding import coding, concept, reference
from api.fhir.kinds import Door, Found, Interaction, Param, Query, Resource, id_under, meta, moment
from api.fhir.listing import listed
from api.fhir.past import past
from api.fhir.transitions import BUSINESS_STATUS, INSTRUCTIONS, REPORT, SAID_KIND, TASK_KIND, Shown, shown, task_status
from api.models.refills import RefillOut
from api.models.requests import ReferralOut
from api.models.work import TaskOut
from api.rights import has
from api.showing.patients import Showing
from api.showing.requests import show_referrals, show_refills
from api.showing.tasks import show_tasks
from records.referrals import CLOSED, referrals
from records.refills import refills
from records.tables import Base, CareTeam, Organisation, Patient, ReferralRow, RefillRow, TaskRow

STATUS_REASON, ABORT = "urn:cairn:status-reason", "-abort"
_REQUESTS = ("ServiceRequest", "MedicationRequest")


class Tasks:
    """The type."""

    type = "Task"
    reads: tuple[str, ...] = ("referrals.read", "refills.read", "tasks.read")
    sorts: tuple[str, ...] = ("authored-on", "_lastUpdated", "modified")
    interactions: frozenset[Interaction] = frozenset({"read", "vread", "search-type", "history-instance"})
    includes: Mapping[str, str] = {
        "Task:patient": "for",
        "Task:subject": "for",
        "Task:owner": "owner",
        "Task:requester": "requester",
        "Task:focus": "focus",
        "Task:based-on": "basedOn",
    }
    params: Mapping[str, Param] = {
        "authored-on": Param("date", "when it was asked"),
        "based-on": Param("reference", "the order that is to be fulfilled", _REQUESTS),
        "business-status": Param("token", "what the status cannot say, such as booked", modifiers=("not",)),
        "code": Param("token", "fulfill for what a place was asked; else the kind of work of a care team", modifiers=("not",)),
        "encounter": Param("reference", "always empty: nothing here belongs to an encounter", ("Encounter",)),
        "focus": Param("reference", "the order that is to be fulfilled", _REQUESTS),
        "group-identifier": Param("token", "the referral as a whole, whichever places were asked in turn"),
        "identifier": Param("token", f"the id, of system {REQUEST}"),
        "intent": Param("token", "always order", modifiers=("not",)),
        "modified": Param("date", "when it last changed"),
        "owner": Param("reference", "who was asked, or has claimed it", ("Organization", "Practitioner")),
        "part-of": Param("reference", "always empty: nothing here is part of another Task", ("Task",)),
        "patient": Param("reference", "whom it is about", ("Patient",)),
        "performer": Param("token", "the role that is to do the work of a care team", modifiers=("not",)),
        "period": Param("date", "the day for which the place has booked the patient"),
        "priority": Param("token", "routine, urgent or stat", modifiers=("not",)),
        "requester": Param("reference", "the centre that asks", ("Organization",)),
        "status": Param("token", "how far it is", modifiers=("not",)),
        "subject": Param("reference", "whom it is about", ("Patient",)),
    }

    async def one(self, door: Door, id_: str) -> Resource | None:
        return (await self.many(door, [id_])).get(id_)

    async def many(self, door: Door, ids: Sequence[str]) -> Mapping[str, Resource]:
        """By id, those that the caller may see."""
        rows: list[Base] = []
        for id_ in dict.fromkeys(ids):
            row = await row_of(door, id_)
            rows += [row] if row is not None else []
        return {one["id"]: one for one in (*await shown_as_tasks(door, rows), *await aborts(door, ids))}

    async def search(self, door: Door, query: Query) -> Found:
        page, total = await listed(door, query, (REFERRALS, REFILLS, WORK))
        return Found(await shown_as_tasks(door, page.items), page.next, total)

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        row = await row_of(door, id_)
        if row is None:
            return []
        if isinstance(row, TaskRow):
            return await shown_as_tasks(door, [row])  # of a care team's task only the present version is kept
        return await shown_as_tasks(door, await past(door, row))


async def row_of(door: Door, id_: str) -> ReferralRow | RefillRow | TaskRow | None:
    """The row behind an id, if the caller may see it."""
    scope, session = door.caller.scope, door.session
    if "." in id_:
        key = await work_key(session, id_) if has(door.caller, WORK.right) and not scope.is_a_place else None
        task = await session.get(TaskRow, key) if key is not None else None
        return task if task is not None and scope.covers_team(task.care_team_id) else None
    referral = await referrals(session).one(scope, id_) if has(door.caller, REFERRALS.right) else None
    if referral is not None:
        return referral
    return await refills(session).one(scope, id_) if has(door.caller, REFILLS.right) else None


async def shown_as_tasks(door: Door, rows: Sequence[Base]) -> list[Resource]:
    """In their order; a few queries however many they are."""
    showing = Showing(door.session, door.parts.vault, door.parts.plans, door.language)
    asked = [row for row in rows if isinstance(row, ReferralRow)]
    supplied = [row for row in rows if isinstance(row, RefillRow)]
    work = [row for row in rows if isinstance(row, TaskRow)]
    centres = await centres_of(door.session, [row.patient_id for some in (asked, supplied, work) for row in some])
    made: dict[int, Resource] = {}
    for row, referral in zip(asked, await show_referrals(showing, asked), strict=True):
        made[id(row)] = _referral(row, referral, centres)
    for refill_row, refill in zip(supplied, await show_refills(showing, supplied), strict=True):
        made[id(refill_row)] = _refill(refill_row, refill, centres)
    for task_row, task in zip(work, await show_tasks(showing, work), strict=True):
        made[id(task_row)] = _work(task_row, task, centres)
    return [made[id(row)] for row in rows]


async def centres_of(session: AsyncSession, patients: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """By patient: id and name of the place whose care team looks after them."""
    query = (
        select(Patient.id, Organisation.id, Organisation.name)
        .join(CareTeam, CareTeam.id == Patient.care_team_id)
        .join(Organisation, Organisation.id == CareTeam.organisation_id)
        .where(Patient.id.in_(sorted(set(patients))))
    )
    return {row[0]: (row[1], row[2]) for row in await session.execute(query)} if patients else {}


async def aborts(door: Door, ids: Sequence[str]) -> list[Resource]:
    """Tasks of code ``abort``: that the place should end what it was asked, by the id of that with ``-abort`` behind."""
    asked = [id_.removesuffix(ABORT) for id_ in ids if id_.endswith(ABORT)] if has(door.caller, REFERRALS.right) else []
    rows = [row for id_ in asked if (row := await referrals(door.session).one(door.caller.scope, id_)) is not None]
    centres = await centres_of(door.session, [row.patient_id for row in rows])
    made = []
    for row in rows:
        since = row.abort_asked or (row.changed if row.stage == "cancelled" else None)
        if since is None:
            continue
        stopped = row.stage in ("aborted", "cancelled")
        how = "completed" if stopped else "rejected" if row.stage in CLOSED else "requested"
        one = _task(f"{row.id}{ABORT}", row.version, row.changed, since, Shown(how), "urgent")
        one |= _asks(row.patient_id, None, row.place_id, "Task", row.id, centres) | {"code": concept(coding(TASK_CODE, "abort"))}
        made.append({name: value for name, value in one.items() if name != "basedOn"})
    return made


def _referral(row: ReferralRow, out: ReferralOut, centres: Mapping[str, tuple[str, str]]) -> Resource:
    how = shown("referral", row.stage, row.goes_on)
    made = _task(row.id, row.version, row.changed, row.asked, how, PRIORITIES.get(row.urgency, "routine"))
    made |= _asks(row.patient_id, out.patient.name, row.place_id, "ServiceRequest", row.id, centres)
    made["groupIdentifier"] = {"system": REFERRAL, "value": id_under(row.patient_id, row.referral)}
    made["code"] = concept(coding(TASK_CODE, "fulfill"), text="Referral")
    if how.status == "in-progress" and row.abort_asked is not None and row.changed >= row.abort_asked:
        made["statusReason"] = concept(coding(STATUS_REASON, "abort-asked"), text=f"to be ended, see Task/{row.id}{ABORT}")
    why = out.reason if how.status == "rejected" else (out.cancelled or "").replace("_", " ")
    if why and how.status in ("rejected", "cancelled", "failed"):
        made["statusReason"] = {"text": why}
    if out.summary.because:
        made["description"] = out.summary.because
        made["reasonCode"] = {"text": out.summary.because}
    if row.day is not None:
        made["executionPeriod"] = {"start": row.day.isoformat()}
    if out.thread:
        made["note"] = [{"time": moment(line.at), "authorString": line.side, "text": line.text} for line in out.thread]
    said = [(kind, text) for kind, text in ((REPORT, out.report), (INSTRUCTIONS, out.instructions)) if text]
    if said:
        made["output"] = [{"type": concept(coding(SAID_KIND, kind)), "valueString": text} for kind, text in said]
    return made


def _refill(row: RefillRow, out: RefillOut, centres: Mapping[str, tuple[str, str]]) -> Resource:
    how = shown("refill", row.stage)
    made = _task(row.id, row.version, row.changed, row.asked, how, "routine")
    made |= _asks(row.patient_id, out.patient.name, row.pharmacy_id, "MedicationRequest", row.id, centres)
    made["groupIdentifier"] = {"system": REFERRAL, "value": id_under(row.patient_id, row.refill)}
    made["code"] = concept(coding(TASK_CODE, "fulfill"), text="Refill")
    made["restriction"] = {"period": {"end": row.runs_out.isoformat()}}
    if how.status == "rejected":
        made["statusReason"] = {"text": out.reason or "out of stock"}
    return made


def _work(row: TaskRow, out: TaskOut, centres: Mapping[str, tuple[str, str]]) -> Resource:
    how = task_status(row.status, row.claimed_by is not None)
    id_ = id_under(row.patient_id, row.key)
    made = _task(id_, row.version, row.changed, row.opened, how, "urgent" if row.urgent else "routine")
    made["code"] = concept(coding(TASK_KIND, row.kind))
    made["description"] = out.why
    made["for"] = reference("Patient", row.patient_id, out.patient.name or "")
    if row.patient_id in centres:
        made["requester"] = reference("Organization", *centres[row.patient_id])
    made["performerType"] = [concept(coding(ROLE, row.by))]
    claimer = out.claimed_by
    made["owner"] = (
        reference("Practitioner", claimer.id, claimer.name) if claimer is not None else reference("Organization", row.care_team_id)
    )
    first = {"start": row.postponed_to.isoformat()} if row.postponed_to else {}
    made["restriction"] = {"period": {**first, "end": max(row.due, row.postponed_to or row.due).isoformat()}}
    if row.status == "not_needed" and row.outcome:
        made["statusReason"] = {"text": row.outcome.replace("_", " ")}
    if out.collects:
        made["input"] = [{"type": {"text": "reading to take"}, "valueString": reading.label} for reading in out.collects]
    if row.status == "done" and row.outcome:
        made["output"] = [{"type": {"text": "outcome"}, "valueString": row.outcome}]
    return made


def _task(id_: str, version: int, changed: Any, asked: Any, how: Shown, priority: str) -> Resource:
    made: Resource = {
        "resourceType": "Task",
        "id": id_,
        "meta": meta(version, changed),
        "identifier": [{"system": REQUEST, "value": id_}],
        "status": how.status,
        "intent": "order",
        "priority": priority,
        "authoredOn": moment(asked),
        "lastModified": moment(changed),
    }
    return made | ({"businessStatus": concept(coding(BUSINESS_STATUS, how.business))} if how.business else {})


def _asks(patient: str, name: str | None, place: str, ordered: str, id_: str, centres: Mapping[str, tuple[str, str]]) -> Resource:
    order = reference(ordered, id_)
    asker = {"requester": reference("Organization", *centres[patient])} if patient in centres else {}
    return {
        "basedOn": [order],
        "focus": order,
        "for": reference("Patient", patient, name or ""),
        "owner": reference("Organization", place),
        **asker,
    }
