"""The resource types of the door, by name: how each is read, and what of it may be written."""

from __future__ import annotations

from collections.abc import Mapping

from api.fhir.exchange import Writes
from api.fhir.kinds import Kind
from api.fhir.types.care_plans import CarePlans
from api.fhir.types.communication_writes import CommunicationWrites
from api.fhir.types.communications import Communications
from api.fhir.types.dispense_writes import DispenseWrites
from api.fhir.types.medication_dispenses import MedicationDispenses
from api.fhir.types.medication_requests import MedicationRequests
from api.fhir.types.observation_writes import ObservationWrites
from api.fhir.types.observations import Observations
from api.fhir.types.order_writes import OrderWrites
from api.fhir.types.organizations import Organizations
from api.fhir.types.patient_writes import PatientWrites
from api.fhir.types.patients import Patients
from api.fhir.types.plan_definitions import PlanDefinitions
from api.fhir.types.practitioners import Practitioners
from api.fhir.types.provenances import Provenances
from api.fhir.types.service_requests import ServiceRequests
from api.fhir.types.subscriptions import Subscriptions
from api.fhir.types.task_writes import TaskWrites
from api.fhir.types.tasks import Tasks

_READ: tuple[Kind, ...] = (
    ServiceRequests(),
    Tasks(),
    CarePlans(),
    Communications(),
    MedicationDispenses(),
    MedicationRequests(),
    Observations(),
    Organizations(),
    Patients(),
    PlanDefinitions(),
    Practitioners(),
    Provenances(),
    Subscriptions(),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.type: kind for kind in _READ}
WRITES: Mapping[str, Writes] = {
    "Communication": CommunicationWrites(),
    "MedicationDispense": DispenseWrites(),
    "Observation": ObservationWrites(),
    "Patient": PatientWrites(),
    "ServiceRequest": OrderWrites(),
    "Subscription": Subscriptions(),
    "Task": TaskWrites(),
}
