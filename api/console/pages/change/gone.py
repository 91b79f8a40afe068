"""What a text does not have any more of the versions that people are on, and what could take its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.console.forms import Form
from api.showing.words import called
from pathways.engine.plan import Pathway

NOTHING, ENDS = "?", ""  # nothing is named; it ends on purpose


@dataclass(frozen=True, slots=True)
class Gone:
    """``group``: services or tags; ``choices``: (name, title) of what could take its place."""

    group: str
    name: str
    title: str
    choices: Sequence[tuple[str, str]]

    @property
    def field(self) -> str:
        return f"{self.group}.{self.name}"


def gone(olds: Iterable[Pathway], new: Pathway, language: str) -> list[Gone]:
    """Services and tags that are in one of ``olds`` and not in ``new``."""
    found: dict[str, Gone] = {}
    for old in olds:
        for name, service in old.services.items():
            if name not in new.services:
                same_kind = (one for one in new.services.values() if one.kind == service.kind)
                alike = [(one.name, called(one.title, one.name, language)) for one in same_kind]
                found.setdefault(f"services/{name}", Gone("services", name, called(service.title, name, language), alike))
        for tag in old.tags:
            if tag not in new.tags:
                found.setdefault(f"tags/{tag}", Gone("tags", tag, "", [(one, "") for one in new.tags]))
    return list(found.values())


def named(form: Form, group: str, found: Iterable[Gone]) -> Mapping[str, str]:
    """What the form says takes the place of what; "" where it ends on purpose."""
    said = {one.name: form.text(one.field, NOTHING) for one in found if one.group == group}
    return {old: "" if new == "-" else new for old, new in said.items() if new not in (NOTHING, "")}
