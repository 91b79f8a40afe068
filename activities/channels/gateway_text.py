"""Texts with placeholders, and what is made of them: requests, and the signatures of requests and webhooks.

Rule 1: a placeholder is replaced once: what a patient's message or a password holds is never taken for a placeholder.
Rule 2: signatures are compared in constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from activities.channels.gateway_file import Asking, Sign

OPTION = re.compile(r"\$\{([a-z0-9_]+)\}")
PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z][\w.\-]*)\}")
_EITHER = re.compile(r"\$\{([a-z0-9_]+)\}|\{([A-Za-z][\w.\-]*)\}")
_PLAIN = re.compile(r"[A-Za-z0-9._:@+/=|-]{1,80}")
ANYWHERE = r"body|url|(query|header)\.[\w.\-]+"
"""Placeholders of a webhook's signature."""
IN_A_REQUEST = frozenset(
    (
        "to",
        "to_plain",
        "to_national",
        "text",
        "attempt",
        "sender",
        "timestamp",
        "valid_seconds",
        "valid_minutes",
        "signature",
    )
)
"""Placeholders of a request: to is E.164, to_plain is without +, to_national without the country code."""


@dataclass(frozen=True, slots=True)
class Built:
    """A request as it goes out; it carries a number and a text, so it shows nothing of itself."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def placeholders(text: str) -> list[str]:
    """The names in braces."""
    return PLACEHOLDER.findall(text)


def fill(text: str, values: Mapping[str, str], options: Mapping[str, str]) -> str:
    """The text with its placeholders and options filled in. Raises KeyError for one that is not there."""
    return _EITHER.sub(lambda found: options[found[1]] if found[1] else values[found[2]], text)


def fill_all(value: Any, fill_one: Callable[[str], str]) -> Any:
    """Every text within ``value``, filled."""
    if isinstance(value, str):
        return fill_one(value)
    if isinstance(value, dict):
        return {name: fill_all(inner, fill_one) for name, inner in value.items()}
    return [fill_all(inner, fill_one) for inner in value] if isinstance(value, list) else value


def texts_in(value: Any) -> Iterator[str]:
    """Every text within ``value``."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from texts_in(inner)


def circular(over: str | None, body: Any, around: tuple[Any, ...]) -> tuple[str, str] | None:
    """What is wrong with where ``{signature}`` stands, and the remedy."""
    in_body = any("signature" in placeholders(text) for text in texts_in(body))
    anywhere = in_body or any("signature" in placeholders(text) for text in texts_in(around))
    if over is None:
        return ("{signature} is used and nothing says what it is", "write sign") if anywhere else None
    if not anywhere:
        return "the signature is not sent", "put {signature} into a header, the query or the body"
    if "signature" in placeholders(over) or ("body" in placeholders(over) and in_body):
        return "the signature would sign itself", "sign {params} in place of {body}, or send the signature in a header"
    return None


def build(asking: Asking, values: Mapping[str, str], options: Mapping[str, str]) -> Built:
    """The request. Raises UnicodeEncodeError for a text that the gateway's charset cannot write."""
    known = dict(values)
    if asking.sign is not None:
        over = placeholders(asking.sign.over)
        if "body" in over:
            known["body"] = (_body(asking, known, options) or b"").decode(asking.charset)
        if "params" in over:
            form = asking.body if asking.encoding == "form" and isinstance(asking.body, dict) else {}
            signed = {name: text for name, text in {**asking.query, **form}.items() if "signature" not in placeholders(str(text))}
            known["params"] = "&".join(f"{name}={fill(str(text), known, options)}" for name, text in sorted(signed.items()))
        known["signature"] = signature(asking.sign, fill(asking.sign.over, known, options).encode(asking.charset), options)

    def filled(text: str) -> str:
        return fill(text, known, options)

    headers = {name: filled(text) for name, text in asking.headers.items()}
    if asking.body is not None:
        kind = "application/json" if asking.encoding == "json" else "application/x-www-form-urlencoded"
        headers.setdefault("Content-Type", f"{kind}; charset={asking.charset}")
    if asking.basic is not None:
        pair = f"{filled(asking.basic.user)}:{filled(asking.basic.password)}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    if asking.bearer is not None:
        headers["Authorization"] = f"Bearer {filled(asking.bearer)}"
    url = filled(asking.url)
    if asking.query:
        query = urlencode({name: filled(text) for name, text in asking.query.items()}, encoding=asking.charset)
        url += ("&" if urlsplit(url).query else "?") + query
    return Built(asking.method, url, headers, _body(asking, known, options))


def _body(asking: Asking, values: Mapping[str, str], options: Mapping[str, str]) -> bytes | None:
    if asking.body is None:
        return None
    filled = fill_all(asking.body, lambda text: fill(text, values, options))
    if asking.encoding == "form":
        return urlencode(filled, encoding=asking.charset).encode("ascii")
    return json.dumps(filled, ensure_ascii=False, separators=(",", ":")).encode(asking.charset)


def signature(sign: Sign, over: bytes, options: Mapping[str, str]) -> str:
    """The signature of ``over`` as the gateway writes it."""
    kind, _, name = sign.by.rpartition("-")
    if kind:
        digest = hmac.new(fill(sign.key, {}, options).encode(), over, name).digest()
    else:
        digest = hashlib.new(name, over, usedforsecurity=False).digest()
    match sign.written:
        case "base64":
            return base64.b64encode(digest).decode()
        case "HEX":
            return digest.hex().upper()
        case _:
            return digest.hex()


def same(one: str, other: str) -> bool:
    """Are they the same? Takes as long whatever they hold; nothing is the same as an empty text."""
    return bool(one) and bool(other) and hmac.compare_digest(one.encode(), other.encode())


def kept_id(text: str) -> str:
    """An id of the gateway's as our records keep it: one that is no plain word of up to 80 signs is kept by its digest."""
    return text if _PLAIN.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:32]


def pointed(value: Any, pointer: str | None) -> str | None:
    """The text at a JSON pointer, None where nothing is there; a number or a truth as JSON writes it."""
    found = found_at(value, pointer)
    if found is None or isinstance(found, dict | list):
        return None
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return text.encode("utf-8", "replace").decode()  # JSON can write half a sign, which nothing of ours can keep


def found_at(value: Any, pointer: str | None) -> Any:
    """What is at a JSON pointer, None where nothing is there."""
    if pointer is None:
        return None
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
