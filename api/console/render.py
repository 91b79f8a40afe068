"""Templates into pages: escaped, and under a policy that lets them load nothing and show only our stylesheet.

The stylesheet is in the page, so that a page that somebody keeps as a file still looks like one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.rights import roles_with
from api.showing.words import in_language, inputs, value, word
from records.callers import Caller

POLICY = "default-src 'none'; style-src '{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def html(template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """The page."""
    text = _environment().get_template(template).render({"caller": None, "language": "en", "provider": None} | shown)
    style = b64encode(sha256(_stylesheet().encode()).digest()).decode()
    return HTMLResponse(text, status, {"Content-Security-Policy": POLICY.format(style=f"sha256-{style}")})


def day(at: date | None) -> str:
    """``Mon 3 Mar 2025``."""
    return f"{at:%a} {at.day} {at:%b %Y}" if at is not None else "–"


def moment(at: datetime | None, zone: str = "UTC") -> str:
    """``Mon 3 Mar 2025, 09:05``, where the reader's clock hangs."""
    return f"{day(at.astimezone(ZoneInfo(zone)).date())}, {at.astimezone(ZoneInfo(zone)):%H:%M}" if at is not None else "–"


def words(code: str, language: str = "en") -> str:
    """A code as people say it."""
    return word("words", code, language)


def titled(titles: Mapping[str, Mapping[str, str]], name: str, language: str) -> str:
    """A pathway's title."""
    return in_language(titles[name], language) if name in titles else words(name, language)


def may(caller: Caller, right: str) -> bool:
    """Whether a page of this right is for the caller."""
    return caller.role in roles_with(right)


@cache
def _stylesheet() -> str:
    return Path(__file__).with_name("console.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": day, "moment": moment, "words": words, "value": value, "inputs": inputs, "may": may}
    environment.globals |= {"titled": titled, "word": word, "in_language": in_language, "stylesheet": Markup(_stylesheet())}
    return environment
