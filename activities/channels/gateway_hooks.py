"""What a gateway's webhooks tell, as its file describes them.

Rule 1: a webhook is proved to be the gateway's before anything in it is read.
Rule 2: one call may tell of many texts; each is told once, in order. What the file does not understand is Malformed, as a whole.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

import phonenumbers

from activities.channels.gateway_file import GatewayFile, Hook, InboundHook, Place, StatusHook
from activities.channels.gateway_text import fill, found_at, kept_id, pointed, same, signature
from activities.channels.port import DeliveryReport, Fault, Heard, InboundSms, Malformed, NotSigned, Reason, Webhook

_HEADER = re.compile(r"\{header\.[^}]+\}")  # their names are told in lower case
CHECK = "This is not signed as the gateway's file says; check its secret and CAIRN_PUBLIC_URL."
FAULTS: Mapping[str, Fault] = {
    "throttled": "throttled",
    "their_fault": "their_fault",
    "our_fault": "our_fault",
    "no_credit": "no_credit",
}


def hear(file: GatewayFile, options: Mapping[str, str], what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
    """What a webhook told. Raises NotSigned, Malformed."""
    hook: Hook | None = file.inbound if what == "inbound" else file.status
    if hook is None:
        raise NotSigned("the gateway's file describes no such webhook")
    told = _read(hook, webhook)
    if not _proved(hook, options, webhook, told):
        raise NotSigned(CHECK)
    if told is None:
        raise Malformed(f"the body is not {hook.format} as the gateway's file says")
    items = found_at(told, hook.items) if hook.items else told if isinstance(told, list) else [told]
    if not isinstance(items, list):
        raise Malformed(f"there is no list at {hook.items}")
    heard: list[DeliveryReport | InboundSms] = []
    for item in items:
        heard.append(_reported(file, hook, item) if isinstance(hook, StatusHook) else _came_in(file, hook, item))
    return Heard(tuple(heard), hook.answer, hook.answer_type)


def _read(hook: Hook, webhook: Webhook) -> Any:
    try:
        text = webhook.body.decode(hook.charset)
    except UnicodeDecodeError:
        return None
    if hook.format == "json":
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict | list) else None
    if hook.format == "form":
        return {**webhook.query, **dict(parse_qsl(text, keep_blank_values=True, encoding=hook.charset))}
    found = re.search(hook.pattern, text) if hook.pattern else None
    return found.groupdict() if found else None


def _proved(hook: Hook, options: Mapping[str, str], webhook: Webhook, told: Any) -> bool:
    signed = hook.signed
    if signed.token is not None:
        return same(_at(signed.token, webhook, told), fill(signed.token.value, {}, options))
    if signed.basic is not None:
        wanted = f"{fill(signed.basic.user, {}, options)}:{fill(signed.basic.password, {}, options)}"
        scheme, _, given = webhook.headers.get("authorization", "").partition(" ")
        try:
            return scheme.lower() == "basic" and same(base64.b64decode(given, validate=True).decode(), wanted)
        except ValueError:  # no base64, no ASCII, or no UTF-8 in it
            return False
    if signed.sign is None or signed.signature is None:
        return False
    # Of the bytes as they came: what was read and written again could differ.
    over = _HEADER.sub(lambda name: name[0].lower(), signed.sign.over)
    before, body, after = over.partition("{body}")
    values = {"url": webhook.url, "body": ""}
    values |= {f"query.{name}": text for name, text in webhook.query.items()}
    values |= {f"header.{name}": text for name, text in webhook.headers.items()}
    try:
        whole = fill(before, values, options).encode() + (webhook.body if body else b"") + fill(after, values, options).encode()
    except KeyError:  # what is signed did not come
        return False
    given, wanted = _at(signed.signature, webhook, told), signature(signed.sign, whole, options)
    if signed.sign.written != "base64":
        given, wanted = given.lower(), wanted.lower()
    return same(given, wanted)


def _at(place: Place, webhook: Webhook, told: Any) -> str:
    if place.query:
        return webhook.query.get(place.query, "")
    if place.header:
        return webhook.headers.get(place.header.lower(), "")
    return pointed(told, place.field) or ""


def _reported(file: GatewayFile, hook: StatusHook, item: Any) -> DeliveryReport:
    attempt, provider_id = pointed(item, hook.attempt), pointed(item, hook.id)
    word, code = pointed(item, hook.status), pointed(item, hook.code)
    if not attempt and not provider_id:
        raise Malformed(f"there is nothing at {hook.attempt or hook.id}")
    if word is None:
        raise Malformed(f"there is nothing at {hook.status}")
    status = file.statuses.get(word, "accepted")
    if status not in ("failed", "undelivered"):
        return DeliveryReport(attempt or None, kept_id(provider_id or attempt or ""), status)
    reason, fault = lost(file, word, code)
    number = int(code) if code and code.isascii() and code.isdigit() and len(code) < 10 else None
    return DeliveryReport(attempt or None, kept_id(provider_id or attempt or ""), status, reason, number, fault=fault)


def lost(file: GatewayFile, word: str, code: str | None = None) -> tuple[Reason, Fault | None]:
    """Why a text did not arrive, by the gateway's ``code``, else by its ``word``; and whose doing it is."""
    meaning = file.errors.get(code or "") or file.errors.get(word, "refused")
    fault = FAULTS.get(meaning)
    reason: Reason = "refused" if fault or meaning == "in_doubt" else meaning  # type: ignore[assignment]  # the faults are gone
    return reason, fault


def _came_in(file: GatewayFile, hook: Hook, item: Any) -> InboundSms:
    assert isinstance(hook, InboundHook)
    sender, text = pointed(item, hook.from_), pointed(item, hook.text)
    if not sender:
        raise Malformed(f"there is nothing at {hook.from_}")
    if text is None:
        raise Malformed(f"there is nothing at {hook.text}")
    written = json.dumps(item, sort_keys=True)
    provider_id = pointed(item, hook.id) or hashlib.sha256(written.encode()).hexdigest()[:32]
    return InboundSms(kept_id(provider_id), _international(sender, file.country), pointed(item, hook.to) or "", text)


def _international(number: str, country: str) -> str:
    """E.164; as it came where it is no number, so that it meets nobody's."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(number, country), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return number
