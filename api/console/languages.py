"""The languages of the pages: which there are, which one somebody reads, and the words of the catalogues.

Rule 1: a page's own words are English in the template and looked up in ``locale/LANGUAGE/*.po``; a word without a translation shows
        in English, and a test fails on it.
Rule 2: a catalogue belongs to an area of the pages; the same English may mean something else in another (a row of a file, a row of
        a decision table), and each says its own.
Rule 3: what the engine, a pathway or a person says is not in the catalogues: it comes in its own languages (``api.showing.words``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from fastapi import Request

COOKIE = "cairn_language"
LANGUAGES: Mapping[str, str] = {"en": "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文", "es": "Español"}
FOLDER = Path(__file__).with_name("locale")
FRAME = "frame"  # the area of what no area has to itself
_SPOKEN = {"zh": "zh-Hans", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "zh-mo": "zh-Hant"}


def N_(text: str) -> str:  # noqa: N802 - the name that catalogues know
    """Marks a text for the catalogues that is looked up later."""
    return text


def language_of(request: Request) -> str:
    """What the reader chose, else what their browser asks for, else English."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else _asked(request.headers.get("accept-language", ""))


def _asked(header: str) -> str:
    wanted: list[tuple[float, int, str]] = []
    for one in header[:200].split(","):
        tag, _, weight = one.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), len(wanted), tag.lower()))
        except ValueError:
            continue
    named = [_SPOKEN.get(tag, tag) for _, _, tag in sorted(wanted)]
    return negotiate_locale(named, list(LANGUAGES), sep="-") or "en"


@cache
def locale_of(language: str) -> Locale:
    """How days and numbers are written in it."""
    return Locale.parse(language, sep="-")


def area_of(template: str) -> str:
    """The area of the pages that a template belongs to: its folder."""
    folder, slash, _ = template.partition("/")
    return folder if slash else FRAME


@cache
def translations(language: str, area: str = FRAME) -> NullTranslations:
    """All catalogues of the language as one; where areas say the same English and mean something else, ``area``'s word holds,
    and before the others' that of the frame.
    """
    merged = Translations()
    for path in sorted((FOLDER / language).glob("*.po"), key=lambda path: (path.stem == area, path.stem == FRAME, path.stem)):
        one = _read(path)
        merged.plural = one.plural
        merged.merge(one)  # type: ignore[no-untyped-call]
    return merged


@cache
def _read(path: Path) -> Translations:
    """One catalogue, read once for all areas."""
    with path.open("rb") as text:
        catalogue = read_po(text, locale=path.parent.name.replace("-", "_"))
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
