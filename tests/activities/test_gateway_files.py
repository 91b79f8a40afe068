"""A mistake in a gateway's file is told with its line before anybody is texted, never found out with a patient's message."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from activities.channels.gateway_check import gateway_file, json_schema
from activities.channels.port import Misconfigured

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAMES = ("gateway-form.yaml", "gateway-json.yaml")
SOUND = """\
gateway: Somebody
country: CN
send:
  request:
    url: https://vendor.example/send
    body: {to: "{to}", text: "{text}"}
  answer: {id: /id}
"""
ASKED = "find: {request: {url: 'https://vendor.example/q', query: {n: '{attempt}'}}, answer: {found: {/n: '{attempt}'}"


def told(tmp_path: Path, text: str, options: set[str] | None = None) -> str:
    file = tmp_path / "gateway.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as wrong:
        gateway_file(file, options)
    return wrong.value.remedy.replace(str(file), "gateway.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_examples_are_sound_and_hold_no_secret(name: str) -> None:
    file = gateway_file(EXAMPLES / name, {"account", "password", "push_word", "token", "hook_key"})
    assert file.find is not None or name == "gateway-form.yaml"
    with pytest.raises(Misconfigured, match=r"there is no option 'account'.*GATEWAY_ACCOUNT|there is no option 'token'"):
        gateway_file(EXAMPLES / name, set())


@pytest.mark.parametrize("name", NAMES)
def test_an_editor_that_knows_the_schema_takes_the_examples(name: str) -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    written = YAML(typ="safe", pure=True).load((EXAMPLES / name).read_text("utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(written)] == []


def test_the_shortest_file_is_sound(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(SOUND)
    assert gateway_file(file, set()).send.request.method == "POST"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("gateway: Somebody\n", ""), "gateway.yaml:1:1: 'gateway' is missing; add it"),
        (("country: CN", "country: China"), "gateway.yaml:2:10: this is not as it must be; write such as CN"),
        (("country: CN", "contry: CN"), "gateway.yaml:2:1: unknown key 'contry'; did you mean 'country'?"),
        (("  answer: {id: /id}", "  answer: {ids: /id}"), "gateway.yaml:7:12: unknown key 'ids'; did you mean 'id'?"),
        (("/id", "id"), "gateway.yaml:7:16: this is not as it must be; write a JSON pointer such as /data/id"),
        (("https://vendor.example/send", "vendor.example"), "gateway.yaml:5:10: this is not as it must be; write an address"),
        (("{to}", "{phone}"), "gateway.yaml:6:16: there is no placeholder {phone} here; use one of: attempt, sender"),
        (("{text}", "hello"), "gateway.yaml:5:5: the gateway is not told the text; use {text}"),
        (("{to}", "${to_whom}"), "the gateway is not told the number; use {to}"),
        (
            ("{to}", "{to}${pass_word}"),
            "6:16: there is no option 'pass_word'; set the variable of this channel",
        ),
        (("country: CN", "country: CN\nerrors: {1: gone}"), "gateway.yaml:3:13: this cannot stand under '1'; write 'opted_out'"),
        (("country: CN", "country: CN\nrate: 0"), "gateway.yaml:3:7: this cannot stand under 'rate'; write greater than 0"),
        (
            ("country: CN", "country: CN\ntimestamp: {timezone: Peking}"),
            "there is no such time zone; write for example Asia/",
        ),
        (("url:", "charset: gbbk\n    url:"), "gateway.yaml:5:14: there is no charset 'gbbk'; write for example utf-8"),
        (("url:", "headers: {S: '{signature}'}\n    url:"), "{signature} is used and nothing says what it is; write sign"),
        (("url:", "sign: {by: md5, over: '{body}'}\n    url:"), "gateway.yaml:5:11: the signature is not sent; put {signature}"),
        (("{to}", "{to}{signature}"), "{signature} is used and nothing says what it is"),
        (("{id: /id}", "{format: text}"), "gateway.yaml:7:20: a text is read by a pattern"),
        (("{id: /id}", "{format: text, pattern: '(a'}"), "the pattern cannot be used: missing )"),
        (("{id: /id}", "{format: text, pattern: 'a'}"), "the pattern cannot be used: it names nothing"),
        (("  answer: {id: /id}", "  idempotent: true"), "the gateway is not told which texts are the same; put {attempt} where"),
        (("{id: /id}", "{taken: {where: {/code: '{to}'}}}"), "there is no placeholder {to} here; write a text, or ${option}"),
        (("country: CN", "country: CN\nsender: '{to}'"), "gateway.yaml:3:9: there is no placeholder {to} here"),
        (("url:", "sign: {by: hmac-md5, key: '{to}', over: x}\n    url:"), "there is no placeholder {to} here"),
        (("country: CN", "country: [CN"), "gateway.yaml:"),
        (("country: CN", "country: CN\nanswer_timeout: 60"), "3:17: a request may take 125 seconds, longer than anybody waits for"),
        (
            ("country: CN", f"country: CN\n{ASKED}, absent: not_taken, settled_after: 5}}}}"),
            "a text would be sent twice that is still on its way to the gateway; write 35 or more",
        ),
        (
            ("country: CN", f"country: CN\n{ASKED}, not_found: {{/code: '404'}}, settled_after: 5}}}}"),
            "a text would be sent twice that is still on its way to the gateway; write 35 or more",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert said in told(tmp_path, SOUND.replace(*change), set())


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("{status: /s, id: /id}", "'signed' is missing; add it"),
        ("{status: /s, signed: {token: {value: x, query: w}}}", "it does not say which text it is about; write attempt, id"),
        ("{status: /s, id: /id, signed: {token: {value: '{to}', query: w}}}", "no placeholder {to} here; write a text, or"),
        ("{status: /s, id: /id, signed: {token: {value: x, query: w}}}", "nothing says what its words mean; write statuses"),
        ("{status: /s, id: /id, signed: {}}", "a webhook is proved in exactly one way; write a token, or basic, or sign"),
        ("{status: /s, id: /id, signed: {token: {value: x}}}", "it must be in one place; write one of: query, header, field"),
        ("{status: /s, id: /id, signed: {sign: {by: md5, over: '{body}'}}}", "proved in exactly one way"),
        (
            "{status: /s, id: /id, signed: {sign: {by: md5, over: '{url}'}, signature: {query: s}}}",
            "what the webhook says is not signed; put {body} into it",
        ),
        (
            "{status: /s, id: /id, signed: {sign: {by: md5, over: '{body}{text}'}, signature: {query: s}}}",
            "there is no placeholder {text} here; use {body}, {url}",
        ),
    ],
)
def test_a_webhook_that_anybody_could_call_is_refused(tmp_path: Path, hook: str, said: str) -> None:
    assert said in told(tmp_path, f"{SOUND}status: {hook}\n")


def test_all_mistakes_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    text = SOUND.replace("country: CN", "contry: CN").replace("{id: /id}", "{ids: /id}")
    assert [line.split(":")[1] for line in told(tmp_path, text).splitlines()] == ["1", "2", "7"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no file to read"):
        gateway_file(tmp_path / "nothing.yaml")
