"""Templates into pages: escaped, in the reader's language, under a policy that loads and sends nothing elsewhere.

Rule: what a person wrote never reaches a script or an attribute that runs: scripts read it from the page as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from api.console.assets import asset, script
from api.console.folding import folding_in
from api.console.forms import fresh_key
from api.console.languages import LANGUAGES, area_of, language_of, locale_of, translations
from api.console.refusals import told
from api.rights import has
from api.showing.findings import CHECKED, in_words
from api.showing.words import called, day_said, in_language, inputs, language_in, unit_shown, value, word
from records.callers import Caller

THEME = "cairn_theme"
THEMES = ("light", "dark")
MOST_KEPT = 4096  # days and numbers as they are written: to ask Babel again for each cell of a table takes longer than the rest
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
    text = environment(reader.language, area_of(template)).get_template(template).render(given | shown)
    policy = POLICY.format(styles=f" 'nonce-{styles}'" if styles else "")
    return HTMLResponse(text, status, {"Content-Security-Policy": policy, **(headers or {})})


@lru_cache(MOST_KEPT)
def day(at: date | None, language: str = "en") -> str:
    """``Mon 3 Mar 2025``, as the language writes it."""
    if at is None:
        return "–"
    spoken = locale_of(language)
    return f"{at:%a} {at.day} {at:%b %Y}" if language == "en" else str(dates.format_skeleton("yMMMEd", at, locale=spoken))


@lru_cache(MOST_KEPT)
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
    title = called(titles.get(name, {}), name, language)
    return title[:1].upper() + title[1:] if name in titles else title


@pass_context
def _day(context: Context, at: date | None) -> str:
    return day(at, context["language"])


@pass_context
def _told(context: Context, refusal: str) -> str:
    return told(refusal, context["language"])


@pass_context
def _born(context: Context, at: date) -> str:
    """``3 Mar 1961``: of a birth nobody asks the day of the week."""
    return day_said(at, context["language"])


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
def _called(context: Context, title: Mapping[str, str], code: str) -> str:
    """A title, or the word for its code, as it stands at the beginning of a line."""
    found = called(title, code, context["language"])
    return found[:1].upper() + found[1:]


@pass_context
def _speaks(context: Context, text: Mapping[str, str]) -> str:
    """The language in which ``said`` says a text; the reader's own where there is none yet."""
    return language_in(text, context["language"])


@pass_context
def _finding(context: Context, said: str, of: str = CHECKED) -> str:
    """What the checker found in a definition, or the reader of a roster in a row, or the remedy."""
    return in_words(said, context["language"], of)


@pass_context
def _month_name(context: Context, at: date) -> str:
    """``March``."""
    return str(dates.format_date(at, "LLLL", locale=locale_of(context["language"])))


@lru_cache(MOST_KEPT)
def number(given: float, language: str = "en") -> str:
    """``12,345``, as the language writes it."""
    return str(numbers.format_decimal(given, locale=locale_of(language)))


@lru_cache(MOST_KEPT)
def percent(share: float | None, language: str = "en") -> str:
    """A share from 0 to 1 as ``87 %``; a dash where there is nothing to share."""
    return "–" if share is None else str(numbers.format_percent(share, locale=locale_of(language)))


@pass_context
def _number(context: Context, given: float) -> str:
    return number(given, context["language"])


@pass_context
def _percent(context: Context, share: float | None) -> str:
    return percent(share, context["language"])


@pass_context
def _lasting(context: Context, span: timedelta) -> str:
    """``3 days``, ``2 hours``: how long, in the largest unit."""
    return str(dates.format_timedelta(span, locale=locale_of(context["language"]), threshold=1.2))


def may(caller: Caller, right: str) -> bool:
    """Whether a page of this right is for the caller."""
    return has(caller, right)


@cache
def environment(language: str, area: str) -> Environment:
    """The templates in one language, in the words of one area where areas differ."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", folding_in(language, area)],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations(language, area), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "day": _day,
        "told": _told,
        "born": _born,
        "short_day": _short_day,
        "moment": _moment,
        "words": _words,
        "value": _value,
        "inputs": _inputs,
        "said": _in_language,
        "called": _called,
        "finding": _finding,
        "speaks": _speaks,
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
