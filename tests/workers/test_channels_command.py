"""An operator finds out that a channel is set up wrongly, before a patient does."""

from __future__ import annotations

import json
from pathlib import Path

from tests.workers.typed import cairn

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
GATEWAY = {"GATEWAY_ACCOUNT": "cairn", "GATEWAY_PASSWORD": "secret-word", "GATEWAY_PUSH_WORD": "pine"}
URL = "https://cairn.example"


def test_the_channels_are_listed_in_the_order_in_which_they_are_tried(tmp_path: Path) -> None:
    file = str(EXAMPLES / "gateway-form.yaml")
    told = cairn(tmp_path, "channels", "list", CAIRN_CHANNELS="north,sandbox", CAIRN_GATEWAY_CONFIG=f"north={file}")
    assert [line.split(maxsplit=1) for line in told.stdout.splitlines()] == [
        ["north", "tried as number 1"],
        ["sandbox", "tried as number 2"],
        ["gateway", "not in use"],
        ["twilio", "not in use"],
        ["whatsapp", "not in use"],
    ]


def test_a_sound_installation_is_told_what_to_enter_at_the_provider_and_what_might_surprise(tmp_path: Path) -> None:
    told = cairn(
        tmp_path,
        *("channels", "check"),
        CAIRN_CHANNELS="gateway,sandbox",
        CAIRN_GATEWAY_CONFIG=str(EXAMPLES / "gateway-form.yaml"),
        CAIRN_PUBLIC_URL=URL,
        **GATEWAY,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        "1. gateway: can be opened",
        "   the vendor cannot be asked about a text: where its answer is lost, a person has to find out",
        f"   what patients answer is heard at {URL}/api/v1/hooks/gateway/inbound",
        f"   what became of a text is heard at {URL}/api/v1/hooks/gateway/status",
        "2. sandbox: can be opened",
        "   nobody is texted: its phones are pretended",
    ]
    assert "secret-word" not in told.stdout


def test_a_gateway_without_its_password_is_wrong_and_the_place_is_told(tmp_path: Path) -> None:
    file = EXAMPLES / "gateway-form.yaml"
    told = cairn(tmp_path, "channels", "check", CAIRN_CHANNELS="gateway", CAIRN_GATEWAY_CONFIG=str(file))
    assert told.returncode == 1
    assert told.stdout.startswith(f"1. gateway: WRONG\n   {file}:")
    assert "no option 'password'; set the variable of this channel that ends in _PASSWORD, such as GATEWAY_PASSWORD" in told.stdout


def test_whatsapp_says_how_few_wordings_it_carries(tmp_path: Path) -> None:
    told = cairn(
        tmp_path,
        *("channels", "check"),
        CAIRN_CHANNELS="whatsapp",
        CAIRN_WHATSAPP_FROM="+15005550100",
        CAIRN_WHATSAPP_TEMPLATES=str(EXAMPLES / "whatsapp-templates.yaml"),
        TWILIO_ACCOUNT_SID="AC1",
        TWILIO_AUTH_TOKEN="token",
    )
    assert told.returncode == 0
    assert "carries 2 approved wordings (en, zh-Hans) and nothing else" in told.stdout
    assert "set CAIRN_PUBLIC_URL" in told.stdout


def test_one_text_on_trial_goes_only_when_it_was_agreed_to(tmp_path: Path) -> None:
    words = ("channels", "try", "sandbox", "--to", "+8613800138000")
    refused = cairn(tmp_path, *words, typed="n\n")
    assert refused.returncode != 0
    assert "taken" not in refused.stdout
    told = cairn(tmp_path, *words, typed="y\n")
    assert told.returncode == 0
    assert "taken as SM" in told.stdout
    assert (
        "no channel of this installation; use one of: sandbox" in cairn(tmp_path, "channels", "try", "twilio", "--to", "+1").stderr
    )
    assert "use a number such as" in cairn(tmp_path, "channels", "try", "sandbox", "--to", "13800138000").stderr


def test_a_text_on_trial_that_does_not_go_says_why(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        (EXAMPLES / "gateway-form.yaml").read_text("utf-8").replace("https://sms.songhua.example", "http://127.0.0.1:9")
    )
    told = cairn(
        tmp_path,
        *("channels", "try", "gateway", "--to", "+8613800138000", "--yes"),
        CAIRN_CHANNELS="gateway",
        CAIRN_GATEWAY_CONFIG=str(file),
        **GATEWAY,
    )
    assert (told.returncode, told.stdout) == (1, "not taken just now: no connection to the provider\n")


def test_an_editor_gets_the_schema_of_a_gateway_s_file(tmp_path: Path) -> None:
    schema = json.loads(cairn(tmp_path, "channels", "schema").stdout)
    assert schema["required"] == ["gateway", "country", "send"]
