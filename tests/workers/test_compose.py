"""What an operator starts from: the compose file holds to the compose schema, and starts what exists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from workers.declared import SETTINGS
from workers.parts import ALL_QUEUES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return loaded


def test_the_compose_file_holds_to_the_compose_schema() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    checked = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_task_queue_is_served_so_that_no_message_or_referral_waits_for_nobody(compose: dict[str, Any]) -> None:
    commands = [service.get("command", []) for service in compose["services"].values()]
    served = {word for command in commands if "worker" in command for word in command}
    assert set(ALL_QUEUES) <= served


def test_how_many_people_publish_and_which_pathways_are_followed_is_set_for_every_process_alike(compose: dict[str, Any]) -> None:
    """A setting that is not passed on is one that an operator sets in vain."""
    settings = compose["x-cairn"]["environment"]
    for name in ("CAIRN_FOUR_EYES", "CAIRN_CO_MANAGED"):
        declared = next(setting for setting in SETTINGS if setting.name == name)
        assert settings[name] == f"${{{name}:-{declared.default.replace(', ', ',')}}}"


def test_no_secret_stands_in_the_compose_file(compose: dict[str, Any]) -> None:
    settings = compose["x-cairn"]["environment"]
    for name in ("CAIRN_MASTER_KEY", "TWILIO_AUTH_TOKEN"):
        assert settings[name].startswith("${")
