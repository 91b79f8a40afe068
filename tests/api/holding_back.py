"""Every code that the engine may give for what held something back, found by walking its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args, get_type_hints

from activities import advice as outside
from activities.channels import twilio_codes
from activities.webhooks import reaching
from pathways import engine, forecast
from pathways.engine.plan import Hold
from pathways.engine.state import Life

ENGINE, FORECAST = Path(engine.__file__).parent, Path(forecast.__file__).parent


def returned(file: str, function: str) -> set[str]:
    """The words that a function may return."""
    body = next(node for node in ast.walk(_tree(ENGINE / file)) if isinstance(node, ast.FunctionDef) and node.name == function)
    return {word for node in ast.walk(body) if isinstance(node, ast.Return) and node.value for word in _words(node.value)}


def called_with(file: str, name: str, place: int) -> set[str]:
    """The words with which a function of this name is called, at this place among its arguments."""
    found: set[str] = set()
    for node in ast.walk(_tree(ENGINE / file)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name and len(node.args) > place:
            found |= set(_words(node.args[place]))
    return found


def providers() -> set[str]:
    """What a text that did not arrive may be said to have failed of."""
    tree = ast.parse(Path(twilio_codes.__file__).read_text(encoding="utf-8"))
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    numbered = [node for node in dicts if any(key and re.match("[0-9]", ast.unparse(key)) for key in node.keys[:1])]
    table = {word for node in numbered for value in node.values for word in _words(value)}
    return table | {"given_up", "refused", "no_such_number", "opted_out"}


def advice() -> set[str]:
    """Why an outside service may have given none."""
    asks, reaches = (Path(module.__file__ or "").read_text(encoding="utf-8") for module in (outside, reaching))
    why = reaches[reaches.index("def _why") :].partition("\n\n\n")[0]
    return set(re.findall(r'return \(\), "(\w+)"', asks)) | set(re.findall(r'(?:return|else) "([a-z_]+)"', why))


#: What is held back by no word but by a name: where, and what it may be. A new one fails the test until it is told here.
DYNAMIC: Mapping[str, Callable[[], set[str]]] = {
    "advice.py: event.reason": advice,
    "answering.py: why": lambda: returned("answering.py", "_held_back") | set(get_args(Life)),
    "carrying.py: code": lambda: called_with("carrying.py", "_doubt", 0) | returned("redating.py", "move_due") | {"service_gone"},
    "contacts.py: why": lambda: (
        returned("contacts.py", "cannot_text") | providers() | called_with("contacts.py", "_not_sent", 2) | set(get_args(Life))
    ),
    "holding.py: hold.why": lambda: set(get_args(get_type_hints(Hold)["why"])),
    "life.py: reason": providers,
    "new_numbers.py: why": lambda: (
        called_with("new_numbers.py", "_by_phone", 2)
        | {"opted_out", "no_consent", "no_birth_year"}
        | set(get_args(Life))
        | providers()
    ),
    "redating.py: why": lambda: called_with("redating.py", "skip", 2),
    "refold.py: held_back": lambda: returned("ordering.py", "not_corrected"),
    "replies.py: held_back": lambda: returned("replies.py", "_not_now"),
    "substitutes.py: held_back": lambda: {"no_refill_service"},
    "standing.py: held_back": set,  # of the reason that is made; the words are those of its callers
    "standing.py: why": lambda: returned("contacts.py", "cannot_text"),
    "standing.py: held": set,  # each of its words is found where it is set
    "standing.py: state.reach": lambda: {"unreachable"},
    "why.py: said.held_back": set,  # of a reason of the engine's
}


def codes() -> set[str]:
    """All of them. Raises AssertionError for one that is worked out in a way that nobody told of."""
    found: set[str] = set()
    for path in [*sorted(ENGINE.glob("*.py")), FORECAST / "standing.py", FORECAST / "why.py"]:
        for expression in _held_back(_tree(path), set_apart=path.parent == FORECAST):
            words = set(_words(expression))
            named = ast.unparse(expression)
            if named.endswith(".life"):
                words |= set(get_args(Life))
            elif not words and named != "''":
                assert f"{path.name}: {named}" in DYNAMIC, (
                    f"{path.name} holds back by {named}: tell {Path(__file__).name} what it may be"
                )
                words = DYNAMIC[f"{path.name}: {named}"]()
            found |= words
    return found


def _held_back(tree: ast.AST, *, set_apart: bool) -> Iterator[ast.expr]:
    """``set_apart``: where ``held`` is such a word, and ``said`` takes it second."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (word.value for word in node.keywords if word.arg == "held_back")
            if set_apart and ast.unparse(node.func).rpartition(".")[2] == "said" and len(node.args) > 1:
                yield node.args[1]
        elif set_apart and isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "held":
            yield node.value


def _words(value: ast.expr) -> Iterator[str]:
    parts = (
        [value.body, value.orelse] if isinstance(value, ast.IfExp) else value.values if isinstance(value, ast.BoolOp) else [value]
    )
    for part in parts:
        if isinstance(part, ast.IfExp | ast.BoolOp):
            yield from _words(part)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and re.fullmatch(r"[a-z_]+", part.value):
            yield part.value


def _tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))
