"""All that a page shows of a document beside its text: names, tables, a year of each tag, the map, messages, scenarios.

Rule 1: plain values only (JSON), so that a process of its own may make it; texts by language, for whoever shows them to choose.
Rule 2: what is sound is shown although something else is wrong; what needs the whole pathway is left out while there is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pathways.drawing.calendar import marks
from pathways.engine.plan import Decision, Pathway, Text
from pathways.language.catalogue import Loaded
from pathways.language.compile import written
from pathways.language.document import Document, Value
from pathways.language.play import Played
from pathways.language.previewing import preview
from pathways.language.privacy import Forbidden, forbidden_for
from pathways.language.wording import NotPlain, NoWording, Wording, shipped_frames

NAMED = ("readings", "values", "decisions", "services", "tables", "messages")


def outline(loaded: Loaded, played: Sequence[Played] | None = None) -> dict[str, Any]:
    """``played``: the document's own scenarios as they went; None: they were not played, only their names are shown.

    ``names`` (by section, and rows), ``lines`` (of sections), ``title``, ``decisions`` (their titles), ``tables``, ``messages``,
    ``scenarios``; and ``calendar`` and
    ``map`` where the whole pathway is sound, else None. Empty for a text that is no document.
    """
    document = loaded.document
    if document is None:
        return {}
    pathway = loaded.pathway
    return {
        "names": _names(document),
        "lines": {section: document.key(section).line for section in document.data},
        "title": _texts(document.data.get("title")),
        "decisions": {str(name): _texts(_part(one, "title")) for name, one in written(document, "decisions").items()},
        "tables": list(_tables(document)),
        "messages": list(_messages(document)),
        "scenarios": list(_scenarios(document, loaded, played)),
        "calendar": _calendar(pathway) if pathway is not None and pathway.services else None,
        "map": _map(pathway) if pathway is not None else None,
    }


def _names(document: Document) -> dict[str, list[str]]:
    names = {section: list(map(str, written(document, section))) for section in NAMED}
    tags = document.data.get("tags")
    names["tags"] = [str(tag) for tag in tags] if isinstance(tags, list) else []
    names["rows"] = [row["row"] for table in _tables(document) for row in table["rows"]]
    names["variables"] = sorted(shipped_frames().variables)
    return names


def _part(raw: Value, name: str) -> Value:
    return raw.get(name) if isinstance(raw, dict) else None


def _texts(raw: Value) -> dict[str, str]:
    """A text by language; one that is not by language is nobody's language."""
    if isinstance(raw, dict):
        return {str(language): text for language, text in raw.items() if isinstance(text, str)}
    return {"": raw} if isinstance(raw, str) else {}


def _tables(document: Document) -> Iterator[dict[str, Any]]:
    for name, rows in written(document, "tables").items():
        if not isinstance(rows, list):
            continue
        shown = [
            {
                "index": index,
                "line": document.at("tables", name, index).line,
                "row": _said(row.get("row")),
                "when": _said(row.get("when")),
                "incomplete": row.get("incomplete") is True,
                "then": _said(row.get("then")),
                "because": _texts(row.get("because")),
                "basis": _said(row.get("basis")),
            }
            for index, row in enumerate(rows)
            if isinstance(row, dict)
        ]
        yield {"name": str(name), "line": document.key("tables", name).line, "rows": shown}


def _said(raw: Value) -> str:
    return raw if isinstance(raw, str) else "" if raw is None else str(raw).lower() if isinstance(raw, bool) else str(raw)


def _messages(document: Document) -> Iterator[dict[str, Any]]:
    frames = shipped_frames()
    wording, forbidden = Wording.of(document, frames), forbidden_for(document, frames)
    for pathway, messages in wording.messages.items():
        for name, texts in messages.items():
            bodies = written(document, "messages")[name]
            yield {
                "name": name,
                "line": document.key("messages", name).line,
                "urgent": bodies.get("urgent") is True,
                "texts": [
                    {"language": language, "line": document.at("messages", name, language).line}
                    | _preview(wording, forbidden, pathway, name, language)
                    for language in texts
                    if language in frames.languages
                ],
            }


def _preview(wording: Wording, forbidden: Forbidden, pathway: str, name: str, language: str) -> dict[str, Any]:
    """As the patient gets it, or the bare body with what keeps it from being sent."""
    try:
        shown = preview(wording, forbidden, [(pathway, name)], language)
        long = preview(wording, forbidden, [(pathway, name)], language, long=True)
    except (NoWording, NotPlain) as refused:
        return {"text": wording.messages[pathway][name][language], "refused": str(refused)}
    return {
        "text": shown.text,
        "refused": "",
        "segments": shown.segments,
        "longest": long.segments,
        "encoding": shown.encoding,
        "units": shown.units,
        "left": shown.left,
        "findings": [{"severity": one.severity, "what": one.what, "remedy": one.remedy} for one in shown.findings],
    }


def _scenarios(document: Document, loaded: Loaded, played: Sequence[Played] | None) -> Iterator[dict[str, Any]]:
    if played is None or loaded.pathway is None:
        told = document.data.get("scenarios")
        for number, one in enumerate(told if isinstance(told, list) else ()):
            if isinstance(one, dict):
                line = document.at("scenarios", number).line
                yield {"name": _said(one.get("name")), "line": line, "played": False, "rows": [], "failures": []}
        return
    for scenario, came in zip(loaded.scenarios, played, strict=True):
        yield {
            "name": scenario.name,
            "line": document.at(*scenario.place).line,
            "played": True,
            "rows": sorted(came.rows),
            "failures": [{"line": document.at(*one.place).line, "what": one.what} for one in came.failures],
        }


def _calendar(pathway: Pathway) -> list[dict[str, Any]]:
    """By tag: how many visits and texts within a year, and for each service its days by kind."""
    services = [one for one in pathway.services.values() if any(True for _ in marks(pathway, one, _first(pathway)))]
    shown: list[dict[str, Any]] = []
    for tag in pathway.tags or (None,):
        lanes, visits, texts = list[dict[str, Any]](), 0, set[int]()
        for service in services:
            days = sorted({(mark.day, mark.kind) for mark in marks(pathway, service, tag)})
            visits += sum(kind == "visit" for _, kind in days)
            texts |= {day for day, kind in days if kind == "text"}  # those of one day go out as one
            by_kind = {kind: [day for day, its in days if its == kind] for kind in dict.fromkeys(kind for _, kind in days)}
            lanes.append({"service": service.name, "title": dict(service.title), "marks": days, "days": by_kind})
        shown.append({"tag": tag or "", "visits": visits, "texts": len(texts), "lanes": lanes})
    return shown


def _first(pathway: Pathway) -> str | None:
    return pathway.tags[0] if pathway.tags else None


def _map(pathway: Pathway) -> dict[str, Any]:
    """Services, the tables they ask, the rows in their order, what each concludes, what follows: nodes, and edges by their ids."""
    nodes: dict[str, dict[str, Any]] = {}
    edges: list[tuple[str, str]] = []

    def node(kind: str, name: str, title: Text | str = "", **more: Any) -> str:
        id_ = f"{kind}:{name}"
        nodes.setdefault(id_, {"id": id_, "kind": kind, "name": name, "title": _titled(title), "tag": "", **more})
        return id_

    for service in pathway.services.values():
        id_ = node("service", service.name, service.title)
        edges += [(id_, node("table", table)) for table in dict.fromkeys((service.decide, service.at_enrolment)) if table]
    if pathway.home_readings is not None:
        edges.append((node("home", "home_readings"), node("table", pathway.home_readings)))
    for table in pathway.tables.values():
        for row in table.rows:
            decision = pathway.decisions[row.decision]
            when = "" if row.when is None else " ".join(row.when.source.split())
            at = node("row", row.id, row.because, when=when, tag=decision.tag or "", table=table.name)
            edges += [
                (node("table", table.name), at),
                (at, node("decision", decision.name, decision.title, tag=decision.tag or "", within=decision.within)),
            ]
            edges += [(f"decision:{decision.name}", node(kind, name, **more)) for kind, name, more in _follows(decision)]
    return {"nodes": list(nodes.values()), "edges": list(dict.fromkeys(edges))}


def _titled(title: Text | str) -> dict[str, str]:
    return {"": title} if isinstance(title, str) and title else dict(title) if isinstance(title, Mapping) else {}


def _follows(decision: Decision) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if decision.refer is not None:
        yield "refer", decision.refer.urgency, {"service": decision.refer.service}
    for task in decision.open_tasks:
        yield "task", task.kind, {"by": task.by}
    if decision.alert is not None:
        yield "alert", decision.alert, {}
    if decision.send is not None:
        yield "send", decision.send, {}
