"""What a search shows besides its matches: what they refer to, and what refers to them.

Rule: an included resource is read as by itself: with the right and the scope that it takes, or it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from api.fhir.kinds import Door, Filter, Kind, Query, Ref, Resource

DEEPEST = 3
MOST = 1000  # included resources of a page
Asked = Sequence[tuple[str, bool]]
#: Whether the caller may see this type.
May = Callable[[Kind], bool]


def includes_of(kinds: Mapping[str, Kind], type_: str) -> list[str]:
    """What a search of this type may include."""
    return sorted(kinds[type_].includes)


def revincludes_of(kinds: Mapping[str, Kind], type_: str) -> list[str]:
    """What of other types may be shown that refers to this one."""
    return sorted(
        f"{kind.type}:{name}"
        for kind in kinds.values()
        for name, param in kind.params.items()
        if param.type == "reference" and type_ in param.targets and f"{kind.type}:{name}" in kind.includes
    )


async def included(
    kinds: Mapping[str, Kind], may: May, door: Door, matches: Sequence[Resource], includes: Asked, revincludes: Asked
) -> list[Resource]:
    """Resources besides the matches, each once."""
    found = {(one["resourceType"], one["id"]): one for one in matches}
    fresh, everything = list(matches), dict(found)
    for depth in range(DEEPEST):
        asked = [one for one, iterates in includes if depth == 0 or iterates]
        backwards = [one for one, iterates in revincludes if depth == 0 or iterates]
        came = await _forwards(kinds, may, door, fresh, asked, everything)
        came += await _backwards(kinds, may, door, fresh, backwards, everything)
        fresh = came
        if not fresh or len(everything) - len(found) >= MOST:
            break
    return [one for key, one in everything.items() if key not in found][:MOST]


async def _forwards(
    kinds: Mapping[str, Kind],
    may: May,
    door: Door,
    of: Sequence[Resource],
    asked: Iterable[str],
    there: dict[tuple[str, str], Resource],
) -> list[Resource]:
    wanted: dict[str, dict[str, None]] = {}
    for include in asked:
        type_, _, rest = include.partition(":")
        name, _, target = rest.partition(":")
        kind = kinds.get(type_)
        if kind is None:
            continue
        path = kind.includes[f"{type_}:{name}"]
        for resource in of:
            if resource["resourceType"] == type_:
                for to, id_ in references(resource, path):
                    if (not target or to == target) and (to, id_) not in there:
                        wanted.setdefault(to, {})[id_] = None
    came: list[Resource] = []
    for to, ids in wanted.items():
        if to in kinds and may(kinds[to]):
            came += (await _many(kinds[to], door, list(ids)[:MOST])).values()
    there.update({(one["resourceType"], one["id"]): one for one in came})
    return came


async def _backwards(
    kinds: Mapping[str, Kind],
    may: May,
    door: Door,
    of: Sequence[Resource],
    asked: Iterable[str],
    there: dict[tuple[str, str], Resource],
) -> list[Resource]:
    came: list[Resource] = []
    for revinclude in asked:
        type_, name = revinclude.split(":")[:2]
        kind = kinds.get(type_)
        if kind is None or not may(kind):
            continue
        targets = kind.params[name].targets
        refs = tuple(Ref(one["resourceType"], one["id"]) for one in of if one["resourceType"] in targets)
        if refs:
            found = await kind.search(door, Query((Filter(name, "", refs),), count=MOST, counted="none"))
            came += [one for one in found.resources if (one["resourceType"], one["id"]) not in there]
            there.update({(one["resourceType"], one["id"]): one for one in came})
    return came


async def _many(kind: Kind, door: Door, ids: Sequence[str]) -> Mapping[str, Resource]:
    at_once: Any = getattr(kind, "many", None)
    if at_once is not None:
        found: Mapping[str, Resource] = await at_once(door, ids)
        return found
    shown = {id_: await kind.one(door, id_) for id_ in ids}
    return {id_: one for id_, one in shown.items() if one is not None}


def references(resource: Resource, path: str) -> list[tuple[str, str]]:
    """Type and id of every local reference at a path such as ``basedOn`` or ``activity.reference``."""
    at: list[Any] = [resource]
    for part in path.split("."):
        at = [inner for one in at if isinstance(one, dict) for inner in _listed(one.get(part))]
    found = [one.get("reference", "") for one in at if isinstance(one, dict)]
    return [(type_, id_) for type_, slash, id_ in (one.partition("/") for one in found) if slash and "/" not in id_]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
