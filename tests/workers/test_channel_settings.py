"""The channels of an installation: named in order, opened with what is theirs, and refused in one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.channels.registry import OURS
from records.clock import Clock
from records.database import Database
from workers.channels import DECLARED, opened
from workers.declared import KNOWN
from workers.settings import BadSetting, Settings

TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "very-secret", "TWILIO_FROM": "MG1"}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'cairn.db'}")
    yield database
    await database.close()


def test_the_older_setting_names_one_channel_and_the_newer_wins() -> None:
    assert Settings.read({"CAIRN_CHANNEL": "twilio", **TWILIO}).channels == ("twilio",)
    both = Settings.read({"CAIRN_CHANNEL": "sandbox", "CAIRN_CHANNELS": "twilio, sandbox,twilio", **TWILIO})
    assert both.channels == ("twilio", "sandbox")


async def test_the_order_of_the_settings_is_the_order_of_the_open_channels(tmp_path: Path, database: Database) -> None:
    settings = Settings.read({"CAIRN_CHANNELS": "twilio,sandbox", **TWILIO}, home=str(tmp_path))
    channels = opened(settings, database, Clock())
    assert channels.order == ("twilio", "sandbox")
    assert channels.first.name == "twilio"
    await channels.aclose()


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ({"CAIRN_CHANNELS": "twillio"}, "names 'twillio', which is no channel; use some of: gateway, sandbox, twilio, whatsapp"),
        ({"CAIRN_CHANNELS": " , "}, "names no channel; use some of"),
        ({"CAIRN_CHANNELS": "twilio"}, "needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM"),
        ({"CAIRN_CHANNELS": "whatsapp", **TWILIO}, "needs CAIRN_WHATSAPP_FROM"),
        ({"CAIRN_GATEWAY_CONFIG": "/nowhere.yaml"}, "'/nowhere.yaml' for gateway; use the path of a file"),
        ({"CAIRN_GATEWAY_CONFIG": "twilio=/nowhere.yaml"}, "calls a gateway 'twilio'; use a word"),
        ({"CAIRN_GATEWAY_CONFIG": f"north={__file__},north={__file__}"}, "names 'north' twice"),
    ],
)
def test_a_channel_that_cannot_be_used_is_refused_with_its_remedy(environment: dict[str, str], remedy: str) -> None:
    with pytest.raises(BadSetting, match=remedy) as refused:
        Settings.read(environment)
    assert "\n" not in str(refused.value)


def test_a_channel_gets_the_variables_that_begin_with_its_name_and_shows_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of-the-north\n")
    settings = Settings.read(
        {
            "CAIRN_CHANNELS": "north,twilio",
            "CAIRN_GATEWAY_CONFIG": f"north={__file__}",
            "NORTH_USER": "cairn",
            "NORTH_PASSWORD_FILE": str(secret),
            "NORTHERN_LIGHTS": "not theirs",
            **TWILIO,
        }
    )
    theirs = {"user": "cairn", "password": "of-the-north", "plugin": "gateway", "config": __file__}
    assert settings.channel_options["north"] == theirs
    assert settings.channel_options["twilio"] == {"account_sid": "AC1", "auth_token": "very-secret", "from": "MG1"}
    assert "of-the-north" not in repr(settings)
    assert "very-secret" not in repr(settings)


def test_every_option_of_our_own_channels_is_a_declared_setting() -> None:
    assert set(DECLARED) | {"gateway"} == set(OURS)
    assert {setting for options in DECLARED.values() for setting in options.values()} <= set(KNOWN)
