"""A setting that cannot be used is refused in one sentence that says what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workers.declared import CONFIG, SETTINGS, in_force
from workers.settings import BadSetting, Settings

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_without_any_setting_the_embedded_stack_keeps_to_itself() -> None:
    settings = Settings.read({})
    assert settings.database_url.startswith("sqlite+aiosqlite:///")
    assert settings.api_host == "127.0.0.1"
    assert settings.channels == ("sandbox",)
    assert settings.metrics_port == 0
    assert (settings.sms_per_second, settings.trust_forwarded) == (0.0, False)


def test_a_network_says_which_pathways_it_follows() -> None:
    assert Settings.read({}).co_managed == ("hypertension", "type2_diabetes")
    assert Settings.read({"CAIRN_CO_MANAGED": "stroke,copd , stroke"}).co_managed == ("stroke", "copd")


CLUSTER = {"CAIRN_TEMPORAL_ADDRESS": "temporal:7233"}


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ({"CAIRN_API_PORT": "http"}, "CAIRN_API_PORT is 'http'; use a port number"),
        ({"CAIRN_API_PORT": "0"}, "from 1 to 65535$"),
        ({"CAIRN_METRICS_PORT": "70000"}, "or 0 for none"),
        ({"CAIRN_DATABASE_URL": "mysql://somewhere"}, r"postgresql\+asyncpg://"),
        ({"CAIRN_CHANNEL": "pigeon"}, "use sandbox or twilio"),
        ({"CAIRN_CHANNEL": "twilio"}, "TWILIO_ACCOUNT_SID"),
        ({"CAIRN_LOG_LEVEL": "loud"}, "use debug, info, warning or error"),
        ({"CAIRN_TEMPORAL_TLS": "perhaps"}, "use true or false"),
        ({"CAIRN_TEMPORAL_ADDRESS": "temporal"}, "use host:port"),
        ({"CAIRN_TEMPORAL_TLS_CERT": "/nowhere.pem", **CLUSTER}, "TLS_CERT is '/nowhere.pem'; use the path of a file"),
        ({"CAIRN_TEMPORAL_TLS_CERT": __file__, **CLUSTER}, "TLS_KEY go together"),
        ({"CAIRN_TEMPORAL_API_KEY": "k"}, "CAIRN_TEMPORAL_ADDRESS"),
        ({"CAIRN_DATABSE_URL": "x"}, "there is no setting CAIRN_DATABSE_URL; did you mean CAIRN_DATABASE_URL"),
        ({"CAIRN_ZZZ": "x"}, "`cairn settings` lists them all"),
        ({"CAIRN_MASTER_KEY": "a", "CAIRN_MASTER_KEY_FILE": "b"}, "both set; keep one"),
        ({"CAIRN_MASTER_KEY_FILE": "/nowhere"}, "cannot be read"),
        ({CONFIG: "/nowhere.toml"}, "CAIRN_CONFIG is '/nowhere.toml', which cannot be read"),
        ({"CAIRN_PUBLIC_URL": "cairn.example"}, "begins with https"),
        ({"CAIRN_OIDC_ISSUER": "https://id.example"}, "CLIENT_ID go together"),
        ({"CAIRN_OIDC_ISSUER": "http://id.example", "CAIRN_OIDC_CLIENT_ID": "c"}, "such as https://id.example"),
        ({"CAIRN_OIDC_ISSUER": "https://[", "CAIRN_OIDC_CLIENT_ID": "c"}, "such as https://id.example"),
        ({"CAIRN_SMS_PER_SECOND": "-1"}, "use a number such as 10 or 0.5, or 0 for no limit"),
        ({"CAIRN_CO_MANAGED": "hypertension, strokes"}, "names 'strokes', which is no shipped pathway; did you mean stroke?"),
        ({"CAIRN_CO_MANAGED": "medication_checks"}, "which is no shipped pathway; use some of: adult_screening"),
        ({"CAIRN_CO_MANAGED": ","}, "names no pathway"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(environment: dict[str, str], remedy: str) -> None:
    with pytest.raises(BadSetting, match=remedy) as refused:
        Settings.read(environment)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("api_port = 'http'", "api_port is 'http', of the wrong type; use a port number"),
        ("api_port = true", "of the wrong type"),
        ("temporal_tls = 'true'", "use true or false"),
        ("database_url = 5", "in quotes"),
        ("log_format = 'xml'", "log_format in .*cairn.toml is 'xml'; use json or text"),
        ("databse_url = 'x'", "no setting databse_url; did you mean database_url"),
        ("CAIRN_HOME = 'x'", "there is no setting CAIRN_HOME"),
        ("home = ", "is not TOML"),
    ],
)
def test_a_wrong_line_of_the_file_is_refused_with_its_remedy(tmp_path: Path, text: str, remedy: str) -> None:
    file = tmp_path / "cairn.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=remedy):
        Settings.read({CONFIG: str(file)})


def test_the_environment_wins_over_the_file_and_a_secret_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret, file = tmp_path / "token", tmp_path / "cairn.toml"
    secret.write_text("very-secret\n")
    file.write_text(f"api_port = 9001\nlog_level = 'error'\ntwilio_auth_token_file = '{secret}'\nmaster_key = 'from-the-file'\n")
    environment = {CONFIG: str(file), "CAIRN_API_PORT": "9002", "CAIRN_MASTER_KEY_FILE": str(secret)}
    settings = Settings.read(environment)
    assert (settings.api_port, settings.log_level) == (9002, "error")
    assert in_force(environment)["TWILIO_AUTH_TOKEN"].value == "very-secret"
    assert settings.master_key == "very-secret", "the environment wins, as a file, too"


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert Settings.read({"CAIRN_PUBLIC_URL": "", "CAIRN_API_PORT": ""}).api_port == 8733


def test_a_secret_is_never_shown_when_settings_are_printed() -> None:
    url = "postgresql+asyncpg://cairn:pass-word@host/cairn"
    environment = {"CAIRN_MASTER_KEY": "bWFzdGVy", "TWILIO_AUTH_TOKEN": "very-secret", "CAIRN_DATABASE_URL": url}
    said = repr(Settings.read(environment)) + repr(in_force(environment))
    said += " ".join(one.shown for one in in_force(environment).values())
    for secret in ("bWFzdGVy", "very-secret", "pass-word"):
        assert secret not in said
    assert "postgresql+asyncpg://cairn:***@host/cairn" in said


def test_the_documentation_names_every_setting_with_its_default_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|$", OPERATIONS.read_text("utf-8"), re.MULTILINE)
    told = {name: (default.strip("`"), what) for name, default, what in rows}
    declared = {
        setting.name: (setting.told_default.strip("`"), setting.what + (" (secret)" if setting.secret else ""))
        for setting in SETTINGS
    }
    assert told == declared
