"""Documents as they are used: loaded, checked, and the ones that we ship.

Rule 1: a document with an error has no pathway; what is wrong is in ``problems``, all at once and in order.
Rule 2: reading the same text again gives the same version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pathways.engine.plan import Pathway
from pathways.language import checks, source, trials
from pathways.language.compile import compile_sound
from pathways.language.document import Broken, Document
from pathways.language.errors import MissingKey, PathwayError, did_you_mean, in_order
from pathways.language.scenarios import Scenario
from pathways.language.schema import check_shape
from pathways.language.telling import parse_scenarios
from pathways.language.wording import Wording, shipped_frames
from pathways.shipped import LIBRARY as LIBRARY
from pathways.shipped import NOT_PATHWAYS, document_names


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked document. ``pathway`` is None when ``problems`` holds an error; ``document`` when it cannot be read."""

    document: Document | None
    pathway: Pathway | None
    wording: Wording
    scenarios: tuple[Scenario, ...]
    problems: tuple[PathwayError, ...]

    @property
    def errors(self) -> tuple[PathwayError, ...]:
        """The problems that keep the pathway from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(frozen=True, slots=True)
class Stories:
    """The stories of a file that can be played, and what is wrong with it."""

    scenarios: tuple[Scenario, ...]
    problems: tuple[PathwayError, ...]


def load(path_or_text: Path | str, *, file: str) -> Loaded:
    """Read, compile and check a document. ``file`` is the name that errors show. Never raises on bad content."""
    frames = shipped_frames()
    try:
        text = source.read_text(path_or_text, file=file) if isinstance(path_or_text, Path) else path_or_text
        document = source.read(text, file=file)
    except Broken as broken:
        return Loaded(None, None, Wording({}, frames), (), in_order(broken.problems))
    data, ill_shaped = check_shape(document)
    compiled, miswritten = compile_sound(document, data)
    scenarios, unplayable = parse_scenarios(document, data, "scenarios")
    unfit = checks.check(document, data, compiled, scenarios, frames)
    problems = in_order([*ill_shaped, *miswritten, *unplayable, *unfit])
    usable = all(problem.severity != "error" for problem in problems)
    return Loaded(document, compiled if usable else None, Wording.of(document, frames), tuple(scenarios), problems)


def load_published(text: str, *, file: str) -> Loaded:
    """Compile a document that was checked when it was published. The checks, which may take seconds, are not made again."""
    frames = shipped_frames()
    try:
        document = source.read(text, file=file)
    except Broken as broken:
        return Loaded(None, None, Wording({}, frames), (), in_order(broken.problems))
    data, ill_shaped = check_shape(document)
    compiled, miswritten = compile_sound(document, data)
    problems = in_order([*ill_shaped, *miswritten])
    usable = all(problem.severity != "error" for problem in problems)
    return Loaded(document, compiled if usable else None, Wording.of(document, frames), (), problems)


def load_stories(path_or_text: Path | str, *, file: str, pathways: Mapping[str, Pathway]) -> Stories:
    """Read a story file: a list of scenarios, or a mapping with ``stories``; names may be those of any of ``pathways``."""
    try:
        text = source.read_text(path_or_text, file=file) if isinstance(path_or_text, Path) else path_or_text
        document = source.read(text, file=file)
    except Broken as broken:
        return Stories((), in_order(broken.problems))
    section = "" if "" in document.data else "stories"
    if section not in document.data:
        at = document.at()
        return Stories((), (MissingKey("stories", at=at, example="stories: [{name: ..., patient: {...}, ...}]"),))
    data, ill_shaped = check_shape(document, section=section)
    scenarios, unplayable = parse_scenarios(document, data, section)
    unfit = trials.check_scenarios(document, tuple(pathways.values()), scenarios)
    return Stories(tuple(scenarios), in_order([*ill_shaped, *unplayable, *unfit]))


class NoSuchDocument(LookupError):
    """Neither a shipped document nor a file is called so; the text says what there is."""


def named(name_or_path: Path | str) -> Loaded:
    """The shipped document of that name, or the file, checked. Raises NoSuchDocument."""
    names = document_names()
    if str(name_or_path) in names:
        shipped = LIBRARY / f"{name_or_path}.yaml"
        return load(shipped, file=shipped.name)
    path = Path(name_or_path)
    if not path.is_file():
        raise NoSuchDocument(f"no pathway and no file called {str(name_or_path)!r}; {did_you_mean(str(name_or_path), names)}")
    return load(path, file=str(name_or_path))


class Catalogue(Mapping[str, Loaded]):
    """Documents of a folder by the name of their file, which is the pathway's; each is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {path.stem: path for path in sorted(folder.glob("*.yaml")) if path.stem not in NOT_PATHWAYS}
        self._loaded: dict[str, Loaded] = {}

    def __getitem__(self, name: str) -> Loaded:
        if name not in self._loaded:
            path = self._files[name]
            self._loaded[name] = load(path, file=path.name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def pathways(self) -> dict[str, Pathway]:
        """The usable pathways by name."""
        return {name: one.pathway for name, one in self.items() if one.pathway is not None}


@cache
def library() -> Catalogue:
    """The pathways that we ship."""
    return Catalogue(LIBRARY)
