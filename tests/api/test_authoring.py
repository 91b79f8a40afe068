"""What editors and other systems read of a pathway."""

from __future__ import annotations

import fhirkit
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from pathways.language.starting import new_document
from tests.api.conftest import Network


async def test_an_editor_reads_the_schema_without_a_key_and_takes_a_new_document(network: Network) -> None:
    answer = await network.http.get("/schemas/pathway.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/schema+json")
    schema = answer.json()
    Draft202012Validator.check_schema(schema)
    document = YAML(typ="safe", pure=True).load(new_document("chronic_pain"))
    assert document["pathway"] == "chronic_pain"


async def test_a_published_version_is_a_valid_plan_definition(network: Network) -> None:
    (first, *_) = (await network.get("/pathways", "coordinator")).json()["items"]
    address = f"/pathways/{first['pathway']}/versions/{first['version']}/plan-definition"
    answer = await network.get(address, "coordinator")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert [str(issue) for issue in fhirkit.validate(answer.json())] == []
    assert (await network.get(address.replace(first["version"], "0" * 64), "coordinator")).status_code == 404


async def test_a_published_version_is_drawn_in_the_reader_s_language(network: Network) -> None:
    (first, *_) = (await network.get("/pathways", "coordinator")).json()["items"]
    for picture, word in (("calendar.svg", "随访"), ("map.svg", "服务与决策")):
        answer = await network.get(
            f"/pathways/{first['pathway']}/versions/{first['version']}/{picture}", "coordinator", lang="zh-Hans"
        )
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert word in answer.text
