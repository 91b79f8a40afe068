"""An invented person as the FHIR R4 Bundle a hospital would export, in the units and codes their country uses."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from workers.sample.invented import RECORD_SYSTEM, Checkup, Medicine, SamplePerson

Json = dict[str, Any]

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
DIAGNOSES = {
    "hypertension": ((SNOMED, "38341003", "Hypertension"), (ICD10, "I10", "特发性(原发性)高血压")),
    "type2_diabetes": ((SNOMED, "44054006", "Diabetes mellitus type 2"), (ICD10, "E11.9", "2型糖尿病")),
    "chronic_kidney_disease": ((SNOMED, "433144002", "Chronic kidney disease stage 3"), (ICD10, "N18.3", "慢性肾脏病3期")),
}


def bundle_of(person: SamplePerson, random_source: random.Random) -> Json:
    """A transaction Bundle with the person, what they have, their visits, values and medicines."""
    return _Export(person, random_source).bundle()


class _Export:
    def __init__(self, person: SamplePerson, random_source: random.Random) -> None:
        self._person, self._random = person, random_source
        self._zone = ZoneInfo(person.region.zone)
        self._entries: list[Json] = []
        self._patient = self._add({"resourceType": "Patient", **self._who()})

    def bundle(self) -> Json:
        self._carer()
        for condition in sorted(self._person.conditions):
            self._condition(condition)
        for checkup in self._person.checkups:
            self._visit(checkup)
        for medicine in self._person.medicines:
            self._medicine(medicine)
        return {"resourceType": "Bundle", "type": "transaction", "entry": self._entries}

    def _add(self, resource: Json) -> Json:
        full_url = f"urn:uuid:{uuid.UUID(int=self._random.getrandbits(128), version=4)}"
        resource = {"resourceType": resource["resourceType"], "id": full_url.removeprefix("urn:uuid:"), **resource}
        self._entries.append(
            {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        )
        return {"reference": full_url}

    def _who(self) -> Json:
        person, region = self._person, self._person.region
        chinese = region.language.startswith("zh")
        name = (
            {"use": "official", "text": person.full_name}
            if chinese
            else {"use": "official", "family": person.family, "given": [person.given]}
        )
        zone = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": region.zone}]}
        return {
            **(zone if region.say_zone else {}),
            "identifier": [{"type": {"coding": [{"code": "MR"}]}, "system": RECORD_SYSTEM, "value": person.record}],
            "name": [name],
            "telecom": [{"system": "phone", "use": "mobile", "value": person.phone}],
            "gender": person.sex,
            "birthDate": person.born.isoformat(),
            **({"deceasedDateTime": self._at(person.died, 4)} if person.died else {}),
            "address": [{"state": region.state, "country": region.country}],
            "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": region.tag}]}, "preferred": True}],
        }

    def _carer(self) -> None:
        if self._person.carer:
            name, phone = self._person.carer
            telecom = [{"system": "phone", "value": phone}]
            self._add({"resourceType": "RelatedPerson", "patient": self._patient, "name": [{"text": name}], "telecom": telecom})

    def _condition(self, condition: str) -> None:
        in_china = self._person.region.country == "CN"
        system, code, display = DIAGNOSES[condition][in_china]
        self._add({
            "resourceType": "Condition",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "verificationStatus": {"coding": [{"code": "confirmed"}]},
            "code": {"coding": [{"system": system, "code": code, "display": display}], "text": display},
            "subject": self._patient,
        })  # fmt: skip

    def _visit(self, checkup: Checkup) -> None:
        start, end = self._at(checkup.on, 10), self._at(checkup.on, 11)
        visit = {"status": "finished", "class": {"code": "AMB"}, "subject": self._patient, "period": {"start": start, "end": end}}
        self._add({"resourceType": "Encounter", **visit})
        region = self._person.region
        if checkup.sbp is not None and checkup.dbp is not None:
            parts = [self._measured("8480-6", checkup.sbp, "mm[Hg]"), self._measured("8462-4", checkup.dbp, "mm[Hg]")]
            self._observation(start, {**_coded("85354-9"), "component": parts})
        if checkup.fpg is not None and region.american_units:
            self._observation(start, self._measured("1558-6", round(checkup.fpg * 18.016), "mg/dL"))
        elif checkup.fpg is not None:
            self._observation(start, self._measured("14771-0", checkup.fpg, "mmol/L"))
        if checkup.hba1c is not None and region.ifcc:
            self._observation(start, self._measured("59261-8", round((checkup.hba1c - 2.15) / 0.0915), "mmol/mol"))
        elif checkup.hba1c is not None:
            self._observation(start, self._measured("4548-4", checkup.hba1c, "%"))
        if region.american_units:
            self._observation(start, self._measured("8310-5", round(checkup.temperature * 1.8 + 32, 1), "[degF]"))
        else:
            self._observation(start, self._measured("8310-5", checkup.temperature, "Cel"))

    def _observation(self, at: str, measured: Json) -> None:
        self._add({"resourceType": "Observation", "status": "final", "subject": self._patient, "effectiveDateTime": at, **measured})

    def _measured(self, code: str, value: float, unit: str) -> Json:
        return {**_coded(code), "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit}}

    def _medicine(self, medicine: Medicine) -> None:
        what = {"medicationCodeableConcept": {"text": medicine.text}, "subject": self._patient}
        supply = {"expectedSupplyDuration": {"value": medicine.days, "unit": "d", "system": UCUM, "code": "d"}}
        prescribed = {"status": "active", "intent": "order", "authoredOn": medicine.since.isoformat(), "dispenseRequest": supply}
        request = self._add({"resourceType": "MedicationRequest", **what, **prescribed})
        if medicine.filled:
            handed = {
                "status": "completed",
                "whenHandedOver": self._at(medicine.filled, 15),
                "daysSupply": {"value": medicine.days, "unit": "d"},
            }
            self._add({"resourceType": "MedicationDispense", **what, **handed, "authorizingPrescription": [request]})

    def _at(self, on: date, hour: int) -> str:
        return datetime.combine(on, time(hour), tzinfo=self._zone).isoformat()


def _coded(code: str) -> Json:
    return {"code": {"coding": [{"system": LOINC, "code": code}]}}
