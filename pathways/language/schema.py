"""What shape a document may have: the JSON Schema, and its refusals put into the coordinator's words.

Rule 1: the schema's ``title`` of each place is the noun phrase that messages use, and ``examples`` is the remedy.
Rule 2: a part that has the wrong shape is taken out, so that all later checks work on sound parts and still find their errors.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from pathways.language import durations
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import BadDuration, BadValue, MissingKey, PathwayError, UnknownKey

_DURATIONS: Mapping[str, Callable[[str], object]] = {
    "cairn-days": durations.days,
    "cairn-span": durations.span,
    "cairn-offset": durations.offset,
    "cairn-before": durations.before,
    "cairn-supply": durations.supply_left,
}
_FULL_WIDTH = frozenset("，、：；［］｛｝")
_WHAT_IS_WRITTEN: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (dict, "a mapping"),
    (list, "a list"),
    (int, "a number"),
    (float, "a number"),
)


def check_shape(document: Document, *, section: str | None = None) -> tuple[dict[str, Value], list[PathwayError]]:
    """The document's data without its ill-shaped parts, and what was wrong with them.

    ``section``: the key under which a story file holds its stories; None for a pathway.
    """
    data = copy.deepcopy(document.data)
    if section is None and "" in data:
        what = "a pathway is written as keys with values, and this is a list"
        return {}, [BadValue(what, at=document.at(), remedy='start with "pathway: name"; remove the dashes before the keys')]
    part = None if section is None else "stories"
    subject = data if section is None else data[section]
    prefix: Steps = () if section is None else (section,)
    problems: list[PathwayError] = []
    broken: set[Steps] = set()
    for refusal in _validator(part).iter_errors(subject):
        for error in _innermost(refusal):
            steps = (*prefix, *error.absolute_path)
            problems += _in_words(document, error, steps)
            broken |= set(_to_remove(error, steps))
    for steps in sorted(broken, key=lambda s: (len(s), [(isinstance(x, str), x) for x in s]), reverse=True):
        _remove(data, steps)
    return data, problems


def schema() -> dict[str, Any]:
    """The schema itself, for editors."""
    loaded: dict[str, Any] = json.loads(resources.files("pathways.language").joinpath("pathway.schema.json").read_text("utf-8"))
    return loaded


@cache
def _validator(part: str | None) -> Draft202012Validator:
    whole = schema()
    if part is not None:
        whole = {"$schema": whole["$schema"], "$ref": f"#/$defs/{part}", "$defs": whole["$defs"]}
    return Draft202012Validator(whole, format_checker=_formats())


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, parse in _DURATIONS.items():
        checker.checks(name, raises=durations.NotALength)(_only_text(parse))
    checker.checks("cairn-date", raises=ValueError)(_only_text(_day))
    checker.checks("cairn-timezone", raises=(ValueError, OSError, LookupError))(_only_text(ZoneInfo))
    return checker


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not 1900 <= day.year <= 2200 or len(text) != len("2025-03-03"):
        raise ValueError(text)
    return day


def _only_text(parse: Callable[[str], object]) -> Callable[[object], bool]:
    def check(instance: object) -> bool:
        if isinstance(instance, str):
            parse(instance)
        return True

    return check


def _innermost(error: ValidationError) -> Iterator[ValidationError]:
    """An ``anyOf`` refusal is told by the branch that fits what was written; all others stand for themselves."""
    if error.validator != "anyOf":
        yield error
        return
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [b for b in branches.values() if not any(e.validator in {"type", "const"} and not e.path for e in b)]
    if len(fitting) != 1:
        yield error
        return
    for inner in fitting[0]:
        yield from _innermost(inner)


def _in_words(document: Document, error: ValidationError, steps: Steps) -> Iterable[PathwayError]:
    rule: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    argument: Any = error.validator_value
    title, examples = rule.get("title", "what belongs here"), rule.get("examples", ())
    remedy = f"write for example {examples[0]}" if examples else f"write {title}"
    written: Any = error.instance
    at = document.at(*steps)
    match error.validator:
        case "additionalProperties":
            for key in written:
                if key not in rule["properties"]:
                    yield UnknownKey(key, at=document.key(*steps, key), known=rule["properties"])
        case "required":
            for key in argument:
                if key not in written:
                    inner = rule.get("properties", {}).get(key, {})
                    yield MissingKey(key, at=document.key(*steps), example=_example(inner))
        case "format" if argument in _DURATIONS:
            try:
                _DURATIONS[argument](written)
            except durations.NotALength as refused:
                yield BadDuration(refused.what, at=at, remedy=refused.remedy)
        case "type" if written is None and len(steps) == 2:
            yield BadValue(f"nothing stands under {steps[-1]!r}", at=document.key(*steps), remedy="fill it in, or remove it")
        case "enum":
            allowed = ", ".join(str(one) for one in argument)
            yield BadValue(f"{_shown(written)} is not {title}", at=at, remedy=f"use one of: {allowed}")
        case "uniqueItems":
            yield BadValue("something stands twice in the list", at=at, remedy="write each once")
        case "minItems" | "minProperties":
            yield BadValue("nothing stands here, or too little", at=at, remedy=remedy)
        case "maxItems" | "maxLength":
            yield BadValue("this is too long", at=at, remedy=f"at most {argument}; {remedy}")
        case "pattern" if isinstance(written, str) and _FULL_WIDTH & set(written):
            yield BadValue(
                f"{_shown(written)} is not {title}", at=at, remedy="write commas, colons and brackets in half width: , : [ ]"
            )
        case _ if isinstance(written, str) and written in _keys_at(document, steps):
            yield BadValue(f"{_shown(written)} is not {title}", at=document.key(*steps, written), remedy=remedy)
        case _:
            yield BadValue(f"{_shown(written)} is not {title}", at=at, remedy=remedy)


def _keys_at(document: Document, steps: Steps) -> Iterable[str]:
    """The keys of the mapping at ``steps``: a refused key has its mapping's path."""
    here: Value = document.data
    for step in steps:
        here = here[step]  # a refusal's path leads to what is there
    return here if isinstance(here, dict) else ()


def _example(rule: Mapping[str, Any]) -> str:
    while "$ref" in rule:
        rule = schema()["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    return str(rule.get("examples", [""])[0])


def _shown(written: Value) -> str:
    if written is None:
        return "an empty value"
    if isinstance(written, str):
        return repr(written if len(written) <= 60 else written[:57] + "...")
    return next(word for kind, word in _WHAT_IS_WRITTEN if isinstance(written, kind))


def _to_remove(error: ValidationError, steps: Steps) -> Iterator[Steps]:
    """Unknown keys go alone; anything else takes with it the named part in which it stands."""
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        written: Any = error.instance
        yield from ((*steps, key) for key in written if key not in error.schema.get("properties", {}))
        return
    if not steps:
        return
    if error.validator == "required" and not error.absolute_path:
        return
    depth = (
        3 if steps[0] in {"tables", "gives"} else 1 if steps[0] in {"tags", "languages"} else 2
    )  # a list of names goes as a whole
    yield steps[:depth]


def _remove(data: Value, steps: Steps) -> None:
    for step in steps[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(data, dict):
        data.pop(str(steps[-1]), None)
    elif isinstance(data, list) and isinstance(steps[-1], int) and steps[-1] < len(data):
        data[steps[-1]] = None
