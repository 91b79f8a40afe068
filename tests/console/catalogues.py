"""The catalogues of the pages' own words: ``python -m tests.console.catalogues AREA...`` brings those of an area up to date.

An area is a folder of templates with the modules of its name beneath ``pages/``; ``frame`` is all that no area has. What is
new comes without a translation, what nobody says any more goes, what was translated stays.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from api.console.languages import FOLDER, LANGUAGES

CONSOLE = FOLDER.parent
TEMPLATES, PAGES = CONSOLE / "templates", CONSOLE / "pages"
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "N_": None}


def areas() -> list[str]:
    """Folders of templates, and ``frame``."""
    return ["frame", *sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir() and path.name != "parts")]


def files_of(area: str) -> Iterator[Path]:
    """Where the words of an area are said."""
    if area == "frame":
        owned = {path for other in areas()[1:] for path in files_of(other)}
        yield from sorted(
            {*CONSOLE.glob("*.py"), *PAGES.rglob("*.py"), *TEMPLATES.glob("*.html"), *TEMPLATES.glob("parts/*.html")} - owned
        )
        return
    yield from sorted((TEMPLATES / area).rglob("*.html"))
    yield from sorted(path for path in PAGES.rglob("*.py") if path.stem == area or PAGES / area in path.parents)


def said_in(files: Iterable[Path]) -> Catalog:
    """All that they say, in English."""
    found = Catalog(fuzzy=False)
    for path in files:
        method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
        options = {} if path.suffix == ".py" else {"trimmed": "true", "extensions": "jinja2.ext.do"}
        for line, text, comments, context in extract_from_file(method, str(path), KEYWORDS, (), options):
            found.add(text, locations=[(path.relative_to(CONSOLE).as_posix(), line)], context=context, auto_comments=comments)
    return found


def catalogue(area: str, language: str) -> tuple[Path, Catalog]:
    """The file of an area, and what it holds."""
    path, locale = FOLDER / language / f"{area}.po", language.replace("-", "_")
    if not path.exists():
        return path, Catalog(locale=locale, fuzzy=False)
    with path.open("rb") as text:
        return path, read_po(text, locale=locale)


def missing(area: str, language: str) -> list[str]:
    """What the area says and nobody has put into the language."""
    _, known = catalogue(area, language)
    wanted = [one for one in said_in(files_of(area)) if one.id]
    return [
        str(one.id)
        for one in wanted
        if (there := known.get(one.id, one.context)) is None
        or not there.string
        or (isinstance(there.string, tuple) and not all(there.string))
    ]


def update(area: str) -> None:
    """Bring the files of an area up to date."""
    wanted = said_in(files_of(area))
    for language in TRANSLATED:
        path, known = catalogue(area, language)
        known.update(wanted, no_fuzzy_matching=True)
        known.obsolete.clear()
        known.project, known.version, known.copyright_holder, known.header_comment = "Cairn", "1", "", "# Cairn's console"
        known.creation_date = known.revision_date = datetime(2026, 11, 22, tzinfo=UTC)  # so that a file changes when a word does
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as text:
            write_po(text, known, width=132, sort_output=True, omit_header=False, no_location=True)
        print(f"{path.relative_to(CONSOLE)}: {len(missing(area, language))} to be translated")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or areas():
        update(chosen)
