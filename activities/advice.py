"""Asking an outside CDS Hooks service for advice about a patient, once, within its time.

Rule 1: nothing waits: whatever goes wrong is an event (``AdviceFailed``) that says why, and care goes on without.
Rule 2: it is told as little as it needs: year of birth, sex, the latest readings that have a code; no name, no number, and an id
        that is another one for each service.
Rule 3: what it says is text for a person: cut, cleaned, sealed under the person's key, and never more than some cards.
Rule 4: a service that failed several times in a row is left alone for a while.

The gap: a worker that dies between the answer and its storing asks once more; asking changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.plans import Plans, UnknownVersion
from activities.seeing import Seeing
from activities.webhooks.reaching import Reaching, Unreached
from pathways.engine.commands import AskAdvice
from pathways.engine.events import AdviceFailed, AdviceGiven, Advised, AnyEvent
from pathways.engine.plan import Plan
from pathways.engine.state import State
from pathways.serial import OldSchema, load_command, load_state
from records.advice import AdviceServices, Registered
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.intake.fhir import Json, parts, text
from records.patients import STATE, Held, Patients, profile_in
from records.tables import Delivery
from records.vault import Vault
from workflows.contract import DELIVER, Deliver, Delivered

LARGEST = 256 * 1024  # bytes of an answer
MOST_CARDS = 10
LONGEST = 300  # signs of a summary that is kept; a card's own is shorter
INDICATORS = ("info", "warning", "critical")
TRIES, RESTS = 3, 60.0  # failures in a row, and seconds
LOINC = "http://loinc.org"


@dataclass
class Breaker:
    """Which services are left alone. ``seconds``: a clock that only goes forward."""

    seconds: Callable[[], float] = time.monotonic
    _failed: dict[str, tuple[int, float]] = field(default_factory=dict)

    def rests(self, service: str) -> bool:
        """Whether it is left alone now; after its rest one call tries it."""
        times, last = self._failed.get(service, (0, 0.0))
        return times >= TRIES and self.seconds() - last < RESTS

    def came_to(self, service: str, *, well: bool) -> None:
        """Note how a call ended."""
        if well:
            self._failed.pop(service, None)
        else:
            self._failed[service] = (self._failed.get(service, (0, 0.0))[0] + 1, self.seconds())


@dataclass(frozen=True)
class AdviceActivities:
    """``within``: hosts inside our own network, or without TLS, that may be asked."""

    database: Database
    vault: Vault
    clock: Clock
    plans: Plans
    within: tuple[str, ...] = ()
    breaker: Breaker = field(default_factory=Breaker)
    seeing: Seeing = field(default_factory=Seeing)

    @activity.defn(name=DELIVER["advice"])
    async def deliver_advice(self, asked: Deliver) -> Delivered:
        """Ask the service, and put down what it said as an event of the patient."""
        async with self.seeing.delivering("advice", asked.patient) as seen:
            async with self.database.reading() as session:
                planned = await self._planned(session, asked)
            if planned is None:
                seen.outcome = "settled"
                return Delivered(status="settled")
            command, service, body = planned
            advice, failed = await self._answer(service, body)
            async with self.database.begin() as session:
                delivered = await self._note(session, asked, command, advice, failed)
            seen.outcome = delivered.status
            return delivered

    async def _planned(self, session: AsyncSession, asked: Deliver) -> tuple[AskAdvice, Registered | None, bytes] | None:
        """What is to be asked, of whom; None where it was asked before or the person was forgotten."""
        delivery = await session.get(Delivery, (asked.patient, asked.key))
        patients = Patients(session, self.vault)
        patient = await patients.get(asked.patient)
        if delivery is None or patient is None or delivery.status != "planned":
            return None
        try:
            person = await patients.vault_of(asked.patient)
        except LookupError:
            return None
        command = load_command(person.open(f"delivery/{asked.key}", delivery.sealed))
        if not isinstance(command, AskAdvice):
            return None
        team = await patients.care_team(patient)
        service = await AdviceServices(session, self.vault).registered(team.organisation_id, command.service)
        if service is None:
            return command, None, b""
        try:
            plan, _ = await self.plans.of(session, asked.patient)
            state = load_state(person.open_bytes(STATE, patient.state)) if patient.state is not None else State(asked.patient)
        except (UnknownVersion, OldSchema):
            plan, state = Plan({}), State(asked.patient)
        known_as = self.vault.token(f"advice/{service.id}", asked.patient).hex()
        return command, service, json.dumps(_request(known_as, Held(patient, person), plan, state)).encode()

    async def _answer(self, service: Registered | None, body: bytes) -> tuple[tuple[Advised, ...], str]:
        """What it advised, or the code of why nothing came."""
        if service is None:
            return (), "not_registered"
        if not service.enabled:
            return (), "switched_off"
        if self.breaker.rests(service.id):
            return (), "resting"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= {"Authorization": f"Bearer {service.token}"} if service.token else {}
        advice, failed = await self._asked(service, body, headers)
        self.breaker.came_to(service.id, well=not failed)
        if failed:
            self.seeing.log.warning("advice_not_given", what=service.name, reason=failed)
        return advice, failed

    async def _asked(self, service: Registered, body: bytes, headers: Mapping[str, str]) -> tuple[tuple[Advised, ...], str]:
        seconds = service.timeout_ms / 1000
        async with httpx.AsyncClient(timeout=seconds, trust_env=False) as http:
            try:
                reaching = Reaching(http, self.within, seconds)
                status, said = await reaching.ask("POST", service.url, body=body, headers=headers, most=LARGEST)
            except Unreached as fault:
                return (), "not_understood" if str(fault) in ("too_long", "packed") else str(fault)
        if status != 200:
            return (), "refused_to_answer"
        found = understood(said)
        return ((), "not_understood") if found is None else (found, "")

    async def _note(
        self, session: AsyncSession, asked: Deliver, command: AskAdvice, advice: tuple[Advised, ...], failed: str
    ) -> Delivered:
        held = await Patients(session, self.vault).held(asked.patient)
        delivery = await session.get(Delivery, (asked.patient, asked.key), with_for_update=True)
        if held is None or delivery is None or delivery.status != "planned":
            return Delivered(status="settled")
        now = await self.clock.now(session)
        delivery.status, delivery.settled, delivery.reason = "failed" if failed else "handed", now, failed
        event = event_of(command, advice, failed, now)
        learnt = await EventLog(session, held.patient, held.person).append(event)
        return Delivered(learnt=learnt, status=delivery.status)


def event_of(command: AskAdvice, advice: tuple[Advised, ...], failed: str, now: datetime) -> AnyEvent:
    """What is learnt of an asking: the advice, or the code of why there is none."""
    id_, of = f"{command.key}/answer", {"service": command.service, "pathway": command.pathway, "step": command.step}
    if failed:
        return AdviceFailed(id=id_, at=now, learnt=now, asked=command.key, reason=failed, **of)
    return AdviceGiven(id=id_, at=now, learnt=now, asked=command.key, by=command.by, within=command.within, advice=advice, **of)


def understood(said: bytes) -> tuple[Advised, ...] | None:
    """The cards of an answer; None where it is none. A card without a summary says nothing."""
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("cards"), list):
        return None
    cards = parts(answer, "cards")[:MOST_CARDS]
    return tuple(one for one in map(_card, cards) if one.summary)


def _card(card: Json) -> Advised:
    source = card.get("source")
    label = text(source.get("label")) if isinstance(source, dict) else ""
    indicator = card.get("indicator")
    return Advised(
        indicator if isinstance(indicator, str) and indicator in INDICATORS else "info",
        text(card.get("summary"))[:LONGEST],
        label[:100],
    )


def _request(known_as: str, held: Held, plan: Plan, state: State) -> dict[str, Any]:
    """A ``patient-view`` call, with all that goes out in its prefetch."""
    profile = profile_in(held.patient, held.person)
    gender = profile.sex if profile.sex in ("male", "female", "other") else "unknown"
    patient = {"resourceType": "Patient", "id": known_as, "gender": gender}
    if profile.born is not None:
        patient["birthDate"] = str(profile.born.year)
    codes = {name: one for pathway in plan.pathways.values() for name, one in pathway.readings.items() if one.loinc}
    observations = [
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": codes[name].loinc[0]}]},
            "subject": {"reference": f"Patient/{known_as}"},
            "effectiveDateTime": known.on.isoformat(),
            "valueQuantity": {"value": known.value, "unit": codes[name].unit or "1"},
        }
        for name, known in sorted(state.readings.items())
        if name in codes and isinstance(known.value, int | float) and not isinstance(known.value, bool)
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in observations]}
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/cairn", "patientId": known_as},
        "prefetch": {"patient": patient, "observations": bundle},
    }
