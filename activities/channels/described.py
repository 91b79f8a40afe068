"""Files that describe a channel: YAML read into closed models, every mistake with its line and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from activities.channels.port import Misconfigured
from pathways.language.document import Broken, Document
from pathways.language.errors import BadValue, MissingKey, PathwayError, UnknownKey, in_order
from pathways.language.source import read, read_text


class Part(BaseModel):
    """A part of such a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


P = TypeVar("P", bound=Part)


def described(path: Path, model: type[P]) -> tuple[Document, P]:
    """What the file holds, and where. Raises Misconfigured with all mistakes of its shape."""
    try:
        document = read(read_text(path, file=str(path)), file=str(path))
    except Broken as broken:
        raise mistaken(broken.problems) from None
    try:
        return document, model.model_validate(document.data)
    except ValidationError as wrong:
        raise mistaken(_located(document, error, model) for error in wrong.errors(include_input=False, include_url=False)) from None


def mistaken(problems: Iterable[PathwayError]) -> Misconfigured:
    """The error that tells all of them, a line for each."""
    return Misconfigured("\n".join(str(problem) for problem in in_order(problems)))


def _located(document: Document, error: Mapping[str, Any], model: type[Part]) -> PathwayError:
    steps = tuple(step for step in error["loc"] if step != "[key]")
    match error["type"]:
        case "extra_forbidden":
            return UnknownKey(str(steps[-1]), at=document.key(*steps), known=_known(steps[:-1], model))
        case "missing":
            return MissingKey(str(steps[-1]), at=document.key(*steps[:-1]))
        case "string_pattern_mismatch":
            pattern = error["ctx"]["pattern"]
            wanted = "a JSON pointer such as /data/id" if "(/" in pattern else "an address" if "http" in pattern else "such as CN"
            return BadValue("this is not as it must be", at=document.at(*steps), remedy=f"write {wanted}")
        case _:
            remedy = str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
            return BadValue(f"this cannot stand under {steps[-1]!r}", at=document.at(*steps), remedy=f"write {remedy}")


def _known(steps: tuple[str | int, ...], model: type[Part]) -> list[str]:
    part: Any = model
    for step in steps:
        if isinstance(step, int):
            continue
        field = part.model_fields.get(step)
        inner = field.annotation if field else None
        part = next(
            (one for one in (inner, *getattr(inner, "__args__", ())) if isinstance(one, type) and issubclass(one, Part)), None
        )
        if part is None:
            return []
    return [field.alias or name for name, field in part.model_fields.items()]
