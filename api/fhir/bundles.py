"""Bundles that answer: of a search, and of a history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode
from uuid import uuid4

from api.fhir.kinds import Resource


def searchset(
    base: str,
    type_: str,
    matches: Sequence[Resource],
    included: Sequence[Resource] = (),
    *,
    used: Iterable[tuple[str, str]],
    next_: str | None = None,
    total: int | None = None,
    warnings: Sequence[Resource] = (),
) -> Resource:
    """The answer to a search. ``used``: the parameters that were heeded; ``next_``: the cursor of the page behind."""
    asked = list(used)
    links = [{"relation": "self", "url": _url(base, type_, asked)}]
    if next_ is not None:
        links.append({"relation": "next", "url": _url(base, type_, [*asked, ("_cursor", next_)])})
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": mode}}
        for mode, resources in (("match", matches), ("include", included))
        for one in resources
    ]
    entries += [{"resource": one, "search": {"mode": "outcome"}} for one in warnings]
    return _bundle("searchset", links, entries, total)


def history(base: str, type_: str, id_: str, versions: Sequence[Resource]) -> Resource:
    """Versions of one resource, the newest first."""
    entries = []
    for n, one in enumerate(versions):
        made = n == len(versions) - 1 and one["meta"]["versionId"] == "1"
        request = {"method": "POST", "url": type_} if made else {"method": "PUT", "url": f"{type_}/{id_}"}
        said = {"status": "201" if made else "200", "lastModified": one["meta"]["lastUpdated"]}
        said["etag"] = f'W/"{one["meta"]["versionId"]}"'
        entries.append({"fullUrl": f"{base}/{type_}/{id_}", "resource": one, "request": request, "response": said})
    links = [{"relation": "self", "url": f"{base}/{type_}/{id_}/_history"}]
    return _bundle("history", links, entries, len(versions))


def _bundle(kind: str, links: Sequence[Resource], entries: Sequence[Resource], total: int | None) -> Resource:
    made: Resource = {"resourceType": "Bundle", "id": str(uuid4()), "type": kind}
    if total is not None:
        made["total"] = total
    made["link"] = list(links)
    return made | ({"entry": list(entries)} if entries else {})


def _url(base: str, type_: str, params: Sequence[tuple[str, str]]) -> str:
    return f"{base}/{type_}?{urlencode(params, safe='|,:/')}" if params else f"{base}/{type_}"
