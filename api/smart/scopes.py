"""SMART scopes: which resource types a record system may use, and how.

Rule 1: a scope is ``system/``, a type or ``*``, a dot, and letters of ``cruds`` in that order (SMART 2), or ``read``, ``write``,
        ``*`` (SMART 1).
Rule 2: what is granted is what was asked and is registered, never more; a caller without scopes (an API key) is not limited.
Rule 3: a scope that we do not understand grants nothing: one with a search in it (``?category=...``) is not read as one without.

Source: SMART App Launch 2.2.0, "Scopes for requesting FHIR resources".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LETTERS = "cruds"  # create, read (also a version and a history), update (also a patch), delete, search
FIRST = {"read": "rs", "write": "cud", "*": LETTERS}  # SMART 1
_SCOPE = re.compile(r"system/([A-Z][A-Za-z]{1,39}|\*)\.(read|write|\*|c?r?u?d?s?)", re.ASCII)

Read = tuple[str, frozenset[str]]  # type (or "*") and letters


def read(scope: str) -> Read | None:
    """Type and letters of a scope; None where it is none of ours."""
    found = _SCOPE.fullmatch(scope)
    if found is None or not found[2]:
        return None
    return found[1], frozenset(FIRST.get(found[2], found[2]))


def allows(scopes: Iterable[str] | None, type: str, letter: str) -> bool:
    """Whether ``scopes`` let their holder do ``letter`` (one of ``cruds``) with resources of ``type``; None: no limit."""
    return scopes is None or any(one is not None and one[0] in ("*", type) and letter in one[1] for one in map(read, scopes))


def granted(registered: Iterable[str], asked: Iterable[str]) -> list[str]:
    """What of ``asked`` is ``registered``, in the order asked: as asked where it is granted whole, in SMART 2 where in part."""
    has = [found for found in map(read, registered) if found is not None]
    out: dict[str, None] = {}
    for scope in asked:
        wanted = read(scope)
        for type_, letters in _within(has, wanted) if wanted is not None else ():
            whole = (type_, letters) == wanted
            out[scope if whole else f"system/{type_}.{''.join(one for one in LETTERS if one in letters)}"] = None
    return list(out)


def merged(scopes: Iterable[str]) -> list[str]:
    """The same, each type once, in SMART 2: as long as there are types, however much was asked."""
    found: dict[str, frozenset[str]] = {}
    for name, letters in filter(None, map(read, scopes)):
        found[name] = found.get(name, frozenset()) | letters
    return [f"system/{name}.{''.join(one for one in LETTERS if one in letters)}" for name, letters in sorted(found.items())]


def _within(has: list[Read], wanted: Read) -> list[Read]:
    """What of ``wanted`` is among ``has``; of ``*`` also the single types that may more than all."""
    name, letters = wanted
    everywhere = _of(has, "*") & letters
    if name != "*":
        here = (everywhere | _of(has, name)) & letters
        return [(name, here)] if here else []
    singly = [(one, _of(has, one) & letters) for one in dict.fromkeys(one for one, _ in has if one != "*")]
    return [*([("*", everywhere)] if everywhere else []), *(found for found in singly if found[1] - everywhere)]


def _of(has: list[Read], name: str) -> frozenset[str]:
    return frozenset[str]().union(*(letters for one, letters in has if one == name))
