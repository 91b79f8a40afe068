"""Whatever calls a gateway's webhook is heard, refused or not understood; nothing else can happen to the people behind it."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.channels.gateway_answers import fits, told, whole_number
from activities.channels.gateway_check import gateway_file
from activities.channels.gateway_file import InboundHook, StatusHook
from activities.channels.gateway_hooks import hear
from activities.channels.gateway_text import fill, kept_id, pointed
from activities.channels.port import DeliveryReport, Malformed, NotSigned, Webhook

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FORM, JSON = gateway_file(EXAMPLES / "gateway-form.yaml"), gateway_file(EXAMPLES / "gateway-json.yaml")
WHAT = st.sampled_from(["inbound", "status"])
WORDS = st.sampled_from(
    ["events", "messages", "message", "id", "reference", "state", "error", "from", "to", "body", "lost", "delivered"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)


def sound(file: object, what: Literal["inbound", "status"], webhook: Webhook) -> None:
    with contextlib.suppress(NotSigned, Malformed):
        for one in hear(file, {"push_word": "pine", "hook_key": "hook"}, what, webhook).told:  # type: ignore[arg-type]
            assert 0 < len(one.provider_id) <= 80
            assert one.provider_id.isascii()
            if isinstance(one, DeliveryReport):
                assert (one.reason is not None) == (one.status in ("failed", "undelivered"))
            else:
                json.dumps([one.from_, one.text]).encode()
                one.text.encode()


@given(WHAT, st.binary(max_size=60) | st.text().map(str.encode), st.booleans())
def test_any_bytes(what: Literal["inbound", "status"], body: bytes, known: bool) -> None:
    sound(FORM, what, Webhook("https://c.example", {"word": "pine" if known else "oak"}, {}, body))


@given(WHAT, st.dictionaries(st.sampled_from(["msgid", "stat", "err", "mobile", "dest", "content"]), st.text(max_size=90)))
def test_any_form(what: Literal["inbound", "status"], fields: dict[str, str]) -> None:
    body = urlencode(fields, encoding="gb18030", errors="replace").encode()
    sound(FORM, what, Webhook("https://c.example", {"word": "pine"}, {}, body))


@given(WHAT, VALUES)
def test_any_json_that_is_signed(what: Literal["inbound", "status"], value: object) -> None:
    body = json.dumps(value).encode()
    signature = base64.b64encode(hmac.new(b"hook", b"7." + body, "sha256").digest()).decode()
    sound(JSON, what, Webhook("https://c.example", {}, {"x-andes-time": "7", "x-andes-signature": signature}, body))


@given(WHAT, st.dictionaries(st.sampled_from(["x-andes-time", "x-andes-signature", "authorization"]), st.text()), st.binary())
def test_nothing_is_believed_by_accident(what: Literal["inbound", "status"], headers: dict[str, str], body: bytes) -> None:
    try:
        hear(JSON, {"hook_key": "hook"}, what, Webhook("https://c.example", {}, headers, body))
    except NotSigned:
        return
    raise AssertionError("an unsigned webhook was heard")


@given(WHAT, st.text() | st.text(alphabet="aGVsbG8=éÿ:"))
def test_any_password_that_is_not_the_gateway_s_is_refused(what: Literal["inbound", "status"], given_one: str) -> None:
    signed = {"basic": {"user": "cairn", "password": "${push_word}"}}
    hooks = {
        "status": StatusHook.model_validate({"signed": signed, "format": "form", "status": "/s", "id": "/id"}),
        "inbound": InboundHook.model_validate({"signed": signed, "format": "form", "from": "/f", "text": "/t"}),
    }
    file = FORM.model_copy(update={what: hooks[what]})
    with pytest.raises(NotSigned):
        hear(file, {"push_word": "pine"}, what, Webhook("https://c.example", {}, {"authorization": f"Basic {given_one}"}, b"id=1"))


@given(st.binary(max_size=80))
def test_any_answer_is_read_or_not_understood(body: bytes) -> None:
    for file in (FORM, JSON):
        answer = file.send.answer
        read = told(body, answer)
        assert isinstance(fits(read, answer.taken.where, {}), bool)
        whole_number(pointed(read, answer.segments))
        said = pointed(read, answer.id)
        assert said is None or len(kept_id(said)) <= 80


@given(st.text(), st.text())
def test_what_a_person_is_told_is_filled_in_once_and_whole(text: str, word: str) -> None:
    assert fill("{text}|${word}|{text}", {"text": text}, {"word": word}) == f"{text}|{word}|{text}"
