"""A pathway as a FHIR R4 PlanDefinition: what is done for whom, when, by whom, and on what grounds.

Rule 1: it is made from the compiled pathway, so that what is exported is what is followed.
Rule 2: conditions stay what they are (CEL, ``text/cel``), with the reason in words beside them; nothing is rewritten into a
        language that says less.
Source: HL7 FHIR R4 (4.0.1), PlanDefinition; decision tables as ``exactly-one`` groups, in order, the first that applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from pathways.engine.plan import ByTag, Decision, Escalation, Pathway, Reminder, Row, Service, TaskSpec, Text

Json = dict[str, Any]

LOINC = "http://loinc.org"
TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
ROLE_TITLES: Mapping[str, str] = {
    "health_manager": "health manager",
    "doctor": "doctor",
    "pharmacist": "pharmacist",
    "coordinator": "care coordinator",
    "on_call": "clinician on call",
}
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
_KINDS = {
    "follow_up": "Follow-up visits",
    "screening": "Examination or laboratory test",
    "refill": "Medicine refills",
    "referral": "Referral",
    "message": "Message",
}


def plan_definition(pathway: Pathway, *, status: str = "active") -> Json:
    """The resource, JSON-ready. ``status``: draft, active, retired or unknown (the version's, in FHIR's words)."""
    return {
        "resourceType": "PlanDefinition",
        "id": _id(f"{pathway.name[:50]}-{pathway.version[:12]}"),
        "url": f"urn:cairn:pathway:{pathway.name}",
        "version": pathway.version,
        "name": "".join(word.capitalize() for word in pathway.name.split("_")),
        **_text("title", pathway.title),
        "type": {"coding": [{"system": TYPE, "code": "clinical-protocol"}]},
        "status": status,
        "subjectCodeableConcept": {"text": f"people for whom: {pathway.enrol_when.source}"},
        "description": pathway.basis,
        "relatedArtifact": _citations(pathway),
        "action": [_service(pathway, service) for service in pathway.services.values()],
    }


def _service(pathway: Pathway, service: Service) -> Json:
    action: Json = {
        "id": _id(service.name),
        **_text("title", service.title),
        "description": _KINDS[service.kind],
        "participant": [_participant(service.by)],
    }
    conditions = [pathway.enrol_when.source, *([service.when.source] if service.when else [])]
    action["condition"] = [_applies(source) for source in conditions]
    if service.collects:
        action["input"] = [_reading(pathway, name) for name in service.collects if name in pathway.readings]
    parts: list[Json] = []
    if service.kind in ("follow_up", "screening", "message"):
        parts += _rhythm(pathway, service)
    if service.kind == "message" and service.send:
        parts.append({"id": _id(f"{service.name}.send"), "title": f"send: {service.send}", "participant": [{"type": "patient"}]})
    if service.kind == "refill":
        asked = f"asked for {service.request} days before the supply ends: {', '.join(service.medicines)}"
        parts.append({"id": _id(f"{service.name}.request"), "title": "request", "description": asked})
    if service.kind == "referral":
        silence = "; ".join(f"{urgency}: an answer within {_spoken(span)}" for urgency, span in service.answer_within.items())
        said = f"to a {service.to}; looked after until it is closed, checked {service.check_back} days later"
        parts.append(
            {"id": _id(f"{service.name}.request"), "title": "request", "description": f"{said}; {silence}" if silence else said}
        )
    parts += [_reminder(service, number, reminder) for number, reminder in enumerate(service.remind, start=1)]
    parts += [_escalation(service, number, missed) for number, missed in enumerate(service.if_missed, start=1)]
    if service.decide is not None and service.decide in pathway.tables:
        parts.append(_table(pathway, service, service.decide))
    if parts:
        action["groupingBehavior"] = "logical-group"
        action["action"] = parts
    return action


def _rhythm(pathway: Pathway, service: Service) -> Iterable[Json]:
    if service.every.always is not None:
        yield {
            "id": _id(f"{service.name}.every"),
            "title": f"every {service.every.always} days",
            "timingTiming": _every(service.every, None),
        }
        return
    for tag in pathway.tags:
        yield {
            "id": _id(f"{service.name}.every.{tag}"),
            "title": f"{tag}: every {service.every.on(tag)} days",
            "condition": [_applies(f'tag == "{tag}"')],
            "timingTiming": _every(service.every, tag),
        }


def _every(every: ByTag, tag: str | None) -> Json:
    return {"repeat": {"frequency": 1, "period": every.on(tag), "periodUnit": "d"}}


def _reminder(service: Service, number: int, reminder: Reminder) -> Json:
    near: Json = {"actionId": _id(service.name), "relationship": "before-start" if reminder.offset < 0 else "after-start"}
    if reminder.offset == 0:
        near["relationship"] = "concurrent-with-start"
    else:
        near["offsetDuration"] = _days(abs(reminder.offset))
    return {
        "id": _id(f"{service.name}.remind.{number}"),
        "title": f"text to the patient: {reminder.send}",
        "participant": [{"type": "patient"}],
        "relatedAction": [near],
    }


def _escalation(service: Service, number: int, missed: Escalation) -> Json:
    longest = missed.after.always if missed.after.always is not None else min(missed.after.days.values())
    does = [f"task {missed.open_task.kind}"] if missed.open_task else []
    does += [f"text {missed.send}"] if missed.send else []
    does += [f"marked {missed.mark}"] if missed.mark else []
    action: Json = {
        "id": _id(f"{service.name}.missed.{number}"),
        "title": f"missed: {', '.join(does)}",
        "relatedAction": [{"actionId": _id(service.name), "relationship": "after-start", "offsetDuration": _days(longest)}],
    }
    if missed.open_task is not None:
        action["participant"] = [_participant(missed.open_task.by)]
    return action


def _table(pathway: Pathway, service: Service, name: str) -> Json:
    return {
        "id": _id(f"{service.name}.decide"),
        "title": f"decide: {name}",
        "description": "The first row that applies decides; what is missing never counts as false.",
        "groupingBehavior": "logical-group",
        "selectionBehavior": "exactly-one",
        "action": [_row(pathway, service, row) for row in pathway.tables[name].rows],
    }


def _row(pathway: Pathway, service: Service, row: Row) -> Json:
    decision = pathway.decisions[row.decision]
    action: Json = {
        "id": _id(f"{service.name}.{row.id}"),
        "prefix": row.id,
        **_text("title", row.because or decision.title),
        "description": _said(decision),
        "documentation": [{"type": "citation", "citation": row.cites or row.basis}],
    }
    if row.when is not None:
        action["condition"] = [_applies(row.when.source)]
    follows = [_task(service, row, task) for task in decision.open_tasks]
    if decision.refer is not None:
        related = {"actionId": _id(decision.refer.service), "relationship": "before-start"}
        title = f"refer: {decision.refer.urgency}"
        follows.append({"id": _id(f"{service.name}.{row.id}.refer"), "title": title, "relatedAction": [related]})
    if follows:
        action["action"] = follows
    return action


def _task(service: Service, row: Row, task: TaskSpec) -> Json:
    return {
        "id": _id(f"{service.name}.{row.id}.{task.kind}"),
        "title": f"task: {task.kind}",
        "description": f"within {task.within} days",
        "participant": [_participant(task.by)],
    }


def _said(decision: Decision) -> str:
    parts = [decision.name]
    parts += [f"tag {decision.tag}"] if decision.tag else []
    parts += [f"again within {decision.within} days"] if decision.within is not None else []
    parts += [f"tells the {ROLE_TITLES[decision.alert]} at once"] if decision.alert else []
    parts += [f"text {decision.send}"] if decision.send else []
    return "; ".join(parts)


def _reading(pathway: Pathway, name: str) -> Json:
    reading = pathway.readings[name]
    needs: Json = {"type": "Observation", "id": _id(name)}
    if reading.loinc:
        needs["codeFilter"] = [{"path": "code", "code": [{"system": LOINC, "code": code} for code in reading.loinc]}]
    return needs


def _citations(pathway: Pathway) -> list[Json]:
    bases = [pathway.basis, *(row.cites for table in pathway.tables.values() for row in table.rows if row.cites)]
    return [{"type": "citation", "citation": basis} for basis in dict.fromkeys(bases)]


def _applies(source: str) -> Json:
    return {"kind": "applicability", "expression": {"language": "text/cel", "expression": source}}


def _participant(role: str) -> Json:
    return {"type": "practitioner", "role": {"text": ROLE_TITLES.get(role, role)}}


def _days(days: int) -> Json:
    return {"value": days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}


def _spoken(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:g} hours" if hours < 24 else f"{hours / 24:g} days"


def _text(name: str, texts: Text) -> Json:
    """The English text, or the first there is, with the others as translations."""
    if not texts:
        return {}
    first = "en" if "en" in texts else next(iter(texts))
    others = [
        {
            "url": TRANSLATION,
            "extension": [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}],
        }
        for language, text in texts.items()
        if language != first
    ]
    return {name: texts[first], **({f"_{name}": {"extension": others}} if others else {})}


def _id(name: str) -> str:
    """FHIR's ids hold letters, digits, hyphen and dot, 64 at most; a longer name keeps its beginning, and a hash."""
    plain = name.replace("_", "-")
    return plain if len(plain) <= 64 else f"{plain[:51]}-{blake2b(name.encode(), digest_size=6).hexdigest()}"
