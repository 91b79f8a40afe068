"""A setting that cannot be used is refused in one sentence that says what would be right."""

from __future__ import annotations

import pytest

from workers.settings import BadSetting, Settings


def test_without_any_setting_the_embedded_stack_keeps_to_itself() -> None:
    settings = Settings.read({})
    assert settings.database_url.startswith("sqlite+aiosqlite:///")
    assert settings.api_host == "127.0.0.1"
    assert settings.channel == "sandbox"


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ({"CAIRN_API_PORT": "http"}, "use a port number"),
        ({"CAIRN_DATABASE_URL": "mysql://somewhere"}, r"postgresql\+asyncpg://"),
        ({"CAIRN_CHANNEL": "pigeon"}, "use sandbox or twilio"),
        ({"CAIRN_CHANNEL": "twilio"}, "TWILIO_ACCOUNT_SID"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(environment: dict[str, str], remedy: str) -> None:
    with pytest.raises(BadSetting, match=remedy):
        Settings.read(environment)


def test_a_secret_is_never_shown_when_settings_are_printed() -> None:
    settings = Settings.read({"CAIRN_MASTER_KEY": "bWFzdGVy", "TWILIO_AUTH_TOKEN": "very-secret"})
    assert "bWFzdGVy" not in repr(settings)
    assert "very-secret" not in repr(settings)
