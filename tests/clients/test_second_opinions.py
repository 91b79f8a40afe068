"""Validators that we did not write, over all that is told of a living community: no error but those that are their own."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import pytest_asyncio

from api.fhir.registry import KINDS
from tests.api.fhir.living import ask, everything, living_community
from tests.clients.others import node, python

pytestmark = pytest.mark.asyncio(loop_scope="module")
HERE = Path(__file__).parent
Finding = tuple[str, str, str]
NUMBERS = re.compile(r"\[\d+\]|_\d{6,}$")  #: of a list's entries, and of the validator's own objects
UNSOUND = {"resourceType": "Task", "status": "done", "colour": "red"}

#: Its lists of statuses and formats are read out of the short text of an element, which ends in "+" where HL7's list goes on.
SHORTENED = {
    "Task": ("status", ("failed", "in-progress", "completed", "cancelled", "entered-in-error")),
    "Observation": ("status", ("corrected", "entered-in-error")),
    "CapabilityStatement": ("format", ("application/fhir+json", "application/json")),
}
#: What pyrofile-validator 0.3.0 says of sound R4, and why it is wrong.
MISTAKEN: dict[Finding, str] = {
    ("Patient", "Patient.communication.language", "Unknown element Patient.communication.language"): "R4 demands it",
    ("PlanDefinition", "PlanDefinition.action._title", "Unknown element PlanDefinition.action._title"): (
        "extensions of a primitive, which it knows at the top alone"
    ),
} | {
    (type_, f"{type_}.{element}", f"Code '{code}' is not in required ValueSet _r4b_{element}"): "SHORTENED"
    for type_, (element, codes) in SHORTENED.items()
    for code in codes
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file: what is told of the community, about the door, of lists, a past and refusals; last what no validator may believe."""
    folder = tmp_path_factory.mktemp("told")
    async with living_community(folder) as (network, ids):
        there = {"type": "rest-hook", "endpoint": "https://hospital.example/hook"}
        hook = {"resourceType": "Subscription", "status": "requested", "reason": "inbox", "criteria": "Task?", "channel": there}
        signed = {"Authorization": "Bearer hospital-1"}
        made = await network.http.post("/fhir/Subscription", json=hook, headers=signed)
        assert made.status_code == 201, made.text
        found = [*await everything(network), made.json()]
        zhang, referral = ids["zhang"], ids["referral"]
        found += [
            await ask(network, f"Patient/{zhang}", "hospital-1"),
            await ask(network, "metadata", "hospital-1"),
            await ask(network, "Task", "hospital-1", _include=["Task:focus", "Task:patient"], _revinclude="Provenance:target"),
            await ask(network, "Observation", "manager", patient=zhang, _count=2),
            await ask(network, f"Task/{referral}/_history", "hospital-1"),
            await ask(network, "Task", "hospital-1", 400, colour="red"),
            await ask(network, "Observation", "hospital-1", 403, patient=zhang),
        ]
    counted = Counter(one["resourceType"] for one in found)
    assert counted.keys() >= KINDS.keys() | {"CapabilityStatement", "OperationOutcome", "Bundle"}
    file = folder / "told.json"
    file.write_text(json.dumps([*found, UNSOUND]), "utf-8")
    return file


async def opinion(told: Path, *command: str) -> Counter[Finding]:
    """The errors of one process over the whole file: type, place without its numbers, and message. It sees what is wrong."""
    process = await asyncio.create_subprocess_exec(
        *command, str(told), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=told.parent
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    types = [one["resourceType"] for one in json.loads(told.read_text("utf-8"))]
    found = [one for one in json.loads(out) if one[2] in ("error", "fatal")]
    unsound = " ".join(f"{place} {message}" for n, place, _, message in found if n == len(types) - 1)
    assert all(word in unsound for word in ("colour", "intent")), unsound
    return Counter(
        (types[n], NUMBERS.sub("", place), NUMBERS.sub("", message)) for n, place, _, message in found if n < len(types) - 1
    )


async def test_fhir_of_npm_finds_no_error(told: Path) -> None:
    found = await opinion(told, node(), str(HERE / "validate.mjs"))
    assert not found, found.most_common(10)


async def test_pyrofile_finds_no_error_but_its_own(told: Path) -> None:
    found = await opinion(told, python("python"), str(HERE / "validate.py"))
    errors = {finding: count for finding, count in found.items() if finding not in MISTAKEN}
    assert not errors, errors
