"""Templates into pages: escaped, in the reader's language, under a policy that loads and sends nothing elsewhere.

Rule: what a person wrote never reaches a script or an attribute that runs: scripts read it from the page as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from api.console.assets import asset, script
from api.console.forms import fresh_key
from api.console.languages import LANGUAGES, language_of, locale_of, translations
from api.rights import has
from api.showing.words import in_language, inputs, unit_shown, value, word
from records.callers import Caller

THEME = "cairn_theme"
THEMES = ("light", "dark")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """How somebody reads pages: their language and theme ("" for their machine's)."""

    language: str = "en"
    theme: str = ""

    @classmethod
    def of(cls, request: Request) -> Reader:
        theme = request.cookies.get(THEME, "")
        return cls(language_of(request), theme if theme in THEMES else "")


def html(
    template: str,
    *,
    status: int = 200,
    reader: Reader | None = None,
    headers: Mapping[str, str] | None = None,
    styles: str = "",
    **shown: Any,
) -> HTMLResponse:
    """The page. ``styles``: a nonce of this answer, for a library that makes a style element of its own."""
    reader = reader or Reader()
    given = {"caller": None, "provider": None, "language": reader.language, "theme": reader.theme, "path": "", "nonce": styles}
    text = environment(reader.language).get_template(template).render(given | shown)
    policy = POLICY.format(styles=f" 'nonce-{styles}'" if styles else "")
    return HTMLResponse(text, status, {"Content-Security-Policy": policy, **(headers or {})})


def day(at: date | None, language: str = "en") -> str:
    """``Mon 3 Mar 2025``, as the language writes it."""
    if at is None:
        return "–"
    spoken = locale_of(language)
    return f"{at:%a} {at.day} {at:%b %Y}" if language == "en" else str(dates.format_skeleton("yMMMEd", at, locale=spoken))


def short_day(at: date | None, language: str = "en") -> str:
    """``3 Mar``."""
    if at is None:
        return "–"
    return f"{at.day} {at:%b}" if language == "en" else str(dates.format_skeleton("MMMd", at, locale=locale_of(language)))


def moment(at: datetime | None, zone: str = "UTC", language: str = "en") -> str:
    """``Mon 3 Mar 2025, 09:05``, where the reader's clock hangs."""
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local.date(), language)}, {local:%H:%M}"


def words(code: str, language: str = "en") -> str:
    """A code as people say it."""
    return word("words", code, language)


def titled(titles: Mapping[str, Mapping[str, str]], name: str, language: str) -> str:
    """A pathway's title."""
    return in_language(titles[name], language) if name in titles else words(name, language)


@pass_context
def _day(context: Context, at: date | None) -> str:
    return day(at, context["language"])


@pass_context
def _short_day(context: Context, at: date | None) -> str:
    return short_day(at, context["language"])


@pass_context
def _moment(context: Context, at: datetime | None, zone: str = "UTC") -> str:
    return moment(at, zone, context["language"])


@pass_context
def _words(context: Context, code: str) -> str:
    return words(code, context["language"])


@pass_context
def _value(context: Context, raw: object) -> str:
    return value(raw, context["language"])


@pass_context
def _inputs(context: Context, values: Mapping[str, object]) -> str:
    return inputs(values, context["language"])


@pass_context
def _in_language(context: Context, text: Mapping[str, str]) -> str:
    return in_language(text, context["language"])


@pass_context
def _month_name(context: Context, at: date) -> str:
    """``March``."""
    return str(dates.format_date(at, "LLLL", locale=locale_of(context["language"])))


@pass_context
def _number(context: Context, number: float) -> str:
    """``12,345``, as the language writes it."""
    return str(numbers.format_decimal(number, locale=locale_of(context["language"])))


@pass_context
def _percent(context: Context, share: float | None) -> str:
    """A share from 0 to 1 as ``87 %``; a dash where there is nothing to share."""
    return "–" if share is None else str(numbers.format_percent(share, locale=locale_of(context["language"])))


@pass_context
def _lasting(context: Context, span: timedelta) -> str:
    """``3 days``, ``2 hours``: how long, in the largest unit."""
    return str(dates.format_timedelta(span, locale=locale_of(context["language"]), threshold=1.2))


def may(caller: Caller, right: str) -> bool:
    """Whether a page of this right is for the caller."""
    return has(caller, right)


@cache
def environment(language: str) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "day": _day,
        "short_day": _short_day,
        "moment": _moment,
        "words": _words,
        "value": _value,
        "inputs": _inputs,
        "said": _in_language,
        "month_name": _month_name,
        "number": _number,
        "percent": _percent,
        "lasting": _lasting,
        "may": may,
        "unit": unit_shown,
    }
    made.globals |= {
        "titled": titled,
        "word": word,
        "in_language": in_language,
        "asset": asset,
        "script": script,
        "fresh_key": fresh_key,
        "LANGUAGES": LANGUAGES,
        "Locale": Locale,
    }
    return made
