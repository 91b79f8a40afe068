"""What a gateway answers, read as its file says; and what a request says of a number and of the time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import phonenumbers

from activities.channels.gateway_file import Reading, Where
from activities.channels.gateway_text import fill, pointed


@dataclass(frozen=True, slots=True)
class Answered:
    http: int
    told: Any  # None: it could not be read
    after: timedelta | None


def told(body: bytes, reading: Reading) -> Any:
    """What an answer says; None where it is not written as the file says."""
    text = body.decode(reading.charset, "replace").removeprefix("\ufeff").strip()
    if reading.format == "json":
        try:
            told = json.loads(text)
        except ValueError:
            return None
        return told if isinstance(told, dict | list) else None
    if reading.format == "form":
        return dict(parse_qsl(text, keep_blank_values=True)) or None
    found = re.search(reading.pattern, text) if reading.pattern else None
    return found.groupdict() if found else None


def fits(told: Any, where: Where, options: Mapping[str, str], values: Mapping[str, str] = MappingProxyType({})) -> bool:
    if told is None:
        return not where
    return all(pointed(told, pointer) in {fill(text, values, options) for text in wanted} for pointer, wanted in where.items())


def national(number: str) -> str:
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return number.removeprefix("+")


def stamped(now: datetime, written: str, timezone: str) -> str:
    match written:
        case "seconds":
            return str(int(now.timestamp()))
        case "milliseconds":
            return str(int(now.timestamp() * 1000))
        case _:
            return now.astimezone(ZoneInfo(timezone)).strftime(written)


def whole_number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
