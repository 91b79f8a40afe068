"""``cairn up --sms twilio``: a provider stands beside, so that what a patient is sent and answers goes the whole way by HTTP."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import httpx
import pytest

from tests.workers.test_stop import cairn as process
from tests.workers.test_stop import told_to_stop
from tests.workers.typed import cairn
from workers import twilio_fake
from workers.temporal import free_port

OURS = {"pathways", "records", "activities", "workflows", "api", "workers"}
PHONE = "+8613812345678"


@pytest.mark.timeout(120)
async def test_a_phone_that_says_stop_is_heard_through_the_provider_beside(tmp_path: Path) -> None:
    ports = {"CAIRN_API_PORT": str(free_port()), "CAIRN_TEMPORAL_PORT": str(free_port())}
    async with process(tmp_path, "up", "--sms", "twilio", **ports, TWILIO_AUTH_TOKEN="the real one") as up:
        assert up.stdout is not None
        assert b"Cairn is up" in await up.stdout.readline()
        key = json.loads((tmp_path / "keys" / "api-keys.json").read_text())["gateway"]
        base, headers = f"http://127.0.0.1:{ports['CAIRN_API_PORT']}/api/v1", {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
            said = await http.post("/sandbox/replies", json={"from": PHONE, "text": "STOP"})
            held = (await http.get("/sandbox/messages")).json()["items"]
        assert (said.status_code, said.json()) == (200, {"known": None})
        assert [(one["to"], one["text"][:40]) for one in held] == [(PHONE, "You have successfully been unsubscribed.")]
        await told_to_stop(up)
    assert (tmp_path / "twilio-fake.db").exists()


def test_another_provider_is_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = cairn(tmp_path, "up", "--sms", "pigeon")
    assert (refused.returncode, refused.stderr.strip()) == (1, "--sms is 'pigeon'; use twilio, or leave it out")


def test_the_fake_alone_says_what_it_can_and_which_fault_there_is_not(tmp_path: Path) -> None:
    assert "--fault" in cairn(tmp_path, "twilio-fake", "--help").stdout
    refused = cairn(tmp_path, "twilio-fake", "--file", str(tmp_path / "f.db"), "--port", "0", "--fault", "rain=1")
    assert (refused.returncode, refused.stderr.splitlines()[0][:25]) == (1, "there is no fault 'rain';")


def test_the_fake_stands_outside_and_borrows_nothing_but_the_counting_of_segments() -> None:
    borrowed = set()
    for file in Path(twilio_fake.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            borrowed |= {name for name in names if name.split(".")[0] in OURS and not name.startswith("workers.twilio_fake")}
    assert borrowed == {"pathways.language.segments"}
