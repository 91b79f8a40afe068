"""Names that are used and not defined, defined and not used, and texts that lack a language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pathways.language.compile import written
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import (
    BadValue,
    DuplicateRow,
    MissingLanguage,
    NotUsed,
    PathwayError,
    ReservedName,
    UnknownDecision,
    UnknownKey,
    UnknownMessage,
    UnknownName,
    UnknownReading,
    UnknownService,
    UnknownTable,
    UnknownTag,
)
from pathways.language.wording import Frames

_STAGES: Mapping[str, tuple[str, ...]] = {
    "referral": ("requested", "accepted", "refused", "booked", "attended", "not_attended", "completed"),
    "refill": ("requested", "received", "ready", "gap"),
}
#: What every answer of ``decide`` and every reason says already.
ANSWERED = frozenset(
    {"id", "row", "decision", "tag", "interval_days", "referral", "due_on_or_before", "referral_followup_within_days"}
)
ASKED_FROM_OUTSIDE = frozenset({("tables", "screening")})  # for people who are on no pathway
Use = tuple[type[UnknownName], str, Steps]  # what kind of name, the name, where it is used


def check_names(document: Document, data: Mapping[str, Value]) -> Iterator[PathwayError]:
    """Every name that is used and not defined."""
    known: Mapping[type[UnknownName], Iterable[str]] = {
        UnknownMessage: written(document, "messages"),
        UnknownReading: written(document, "readings"),
        UnknownTable: written(document, "tables"),
        UnknownDecision: written(document, "decisions"),
        UnknownService: written(document, "services"),
        UnknownTag: tags_of(document),
    }
    for kind, name, steps in uses(data):
        if kind is UnknownTag and "tags" not in data:
            continue  # the tags themselves are wrong, and said to be
        if name not in known[kind]:
            yield kind(name, at=document.at(*steps), known=known[kind])
    yield from _referrals(document, data)
    yield from _rows(document)
    yield from _gives(document, data)


def uses(data: Mapping[str, Value]) -> Iterator[Use]:
    """Every use of a name outside conditions and scenarios."""
    if "home_readings" in data:
        yield UnknownTable, data["home_readings"], ("home_readings",)
    for name, decision in (data.get("decisions") or {}).items():
        here = ("decisions", name)
        if "tag" in decision:
            yield UnknownTag, decision["tag"], (*here, "tag")
        if "send" in decision:
            yield UnknownMessage, decision["send"], (*here, "send")
        if "refer" in decision:
            yield UnknownService, decision["refer"]["service"], (*here, "refer", "service")
    for name, rows in (data.get("tables") or {}).items():
        for number, row in enumerate(rows):
            if isinstance(row, dict):
                yield UnknownDecision, row["then"], ("tables", name, number, "then")
    for name, service in (data.get("services") or {}).items():
        yield from _service_uses(service, ("services", name))


def _service_uses(service: Mapping[str, Value], here: Steps) -> Iterator[Use]:
    for number, reading in enumerate(service.get("collects") or ()):
        yield UnknownReading, reading, (*here, "collects", number)
    if "decide" in service:
        yield UnknownTable, service["decide"], (*here, "decide")
    if "at_enrolment" in service:
        yield UnknownTable, service["at_enrolment"]["decide"], (*here, "at_enrolment", "decide")
    if "send" in service:
        yield UnknownMessage, service["send"], (*here, "send")
    for stage, message in (service.get("says") or {}).items():
        yield UnknownMessage, message, (*here, "says", stage)
    for section in ("remind", "if_missed"):
        for number, one in enumerate(service.get(section) or ()):
            if "send" in one:
                yield UnknownMessage, one["send"], (*here, section, number, "send")


def tags_of(document: Document) -> list[str]:
    """The risk tags as written."""
    tags = document.data.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _referrals(document: Document, data: Mapping[str, Value]) -> Iterator[PathwayError]:
    services = data.get("services") or {}
    for name, decision in (data.get("decisions") or {}).items():
        refer = decision.get("refer")
        service = services.get(refer["service"]) if refer else None
        if refer is None or service is None:
            continue
        here = ("decisions", name, "refer")
        if service["kind"] != "referral":
            known = [other for other, one in services.items() if one["kind"] == "referral"]
            yield UnknownService(refer["service"], at=document.at(*here, "service"), known=known)
        elif refer["urgency"] not in service["answer_within"]:
            what = f"{refer['service']!r} does not say how long an answer may take when the urgency is {refer['urgency']!r}"
            remedy = f"use one of: {', '.join(service['answer_within'])}; or add it under answer_within"
            yield BadValue(what, at=document.at(*here, "urgency"), remedy=remedy)
    for name, service in services.items():
        for stage in service.get("says") or {}:
            known_stages = _STAGES.get(service["kind"], ())
            if stage not in known_stages:
                yield UnknownKey(stage, at=document.key("services", name, "says", stage), known=known_stages)


def _rows(document: Document) -> Iterator[PathwayError]:
    first: dict[str, int] = {}
    for name, rows in written(document, "tables").items():
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            row_id = row.get("row") if isinstance(row, dict) else None
            if isinstance(row_id, str):
                at = document.at("tables", name, number, "row")
                if row_id in first:
                    remedy = f"choose another; the first is in line {first[row_id]}"
                    yield DuplicateRow(f"two rows are called {row_id!r}", at=at, remedy=remedy)
                first.setdefault(row_id, at.line)


def _gives(document: Document, data: Mapping[str, Value]) -> Iterator[PathwayError]:
    tables = written(document, "tables")
    for table, gives in (data.get("gives") or {}).items():
        if table not in tables:
            yield UnknownTable(table, at=document.key("gives", table), known=tables)
        for name in ANSWERED & gives.keys():
            what = f"every answer says {name!r} already"
            yield ReservedName(what, at=document.key("gives", table, name), remedy="choose another name")


def languages_of(document: Document) -> list[str]:
    """The document's languages: ``languages``, or those of its title."""
    listed = document.data.get("languages")
    if isinstance(listed, list) and listed:
        return [one for one in listed if isinstance(one, str)]
    title = document.data.get("title")
    return list(title) if isinstance(title, dict) else []


def check_languages(document: Document, data: Mapping[str, Value], frames: Frames) -> Iterator[PathwayError]:
    """Texts that lack one of the document's languages, and languages without a frame."""
    languages = languages_of(document)
    if "title" in data:
        for language in languages:
            if language not in frames.languages:
                known = ", ".join(frames.languages)
                at = document.key("title", language)
                yield BadValue(f"no frame for texts in {language!r}", at=at, remedy=f"use one of: {known}; or add a frame")
    for what, texts, steps in _texts(data):
        missing = [language for language in languages if language not in texts]
        if missing:
            yield MissingLanguage(what, missing, at=document.key(*steps))


def _texts(data: Mapping[str, Value]) -> Iterator[tuple[str, Mapping[str, str], Steps]]:
    if "title" in data:
        yield "the title", data["title"], ("title",)
    for section, word in (("decisions", "title"), ("services", "title"), ("readings", "label")):
        for name, one in (data.get(section) or {}).items():
            if word in one:
                yield f"the {word} of {name!r}", one[word], (section, name, word)
    for name, rows in (data.get("tables") or {}).items():
        for number, row in enumerate(rows):
            if isinstance(row, dict):
                yield f"the reason of {row['row']}", row["because"], ("tables", name, number, "because")
    for name, texts in (data.get("messages") or {}).items():
        yield f"message {name!r}", texts, ("messages", name)


def is_only_asked(document: Document) -> bool:
    """Rules without services: nobody is on them, every table is asked from outside, and what cannot be told is answered so."""
    return document.data.get("services") == {}


def check_use(document: Document, data: Mapping[str, Value]) -> Iterator[PathwayError]:
    """Messages, decisions, tables and referrals that nothing refers to. Silent when a part is ill-shaped: it might be the user."""
    if is_only_asked(document):
        return
    if any(len(written(document, s)) != len(data.get(s) or {}) for s in ("services", "decisions", "tables")):
        return
    used = {(kind, name) for kind, name, _ in uses(data)}
    sections = (
        ("messages", UnknownMessage),
        ("decisions", UnknownDecision),
        ("tables", UnknownTable),
        ("services", UnknownService),
    )
    for section, kind in sections:
        for name, what in (data.get(section) or {}).items():
            by_itself = section == "services" and what["kind"] != "referral"
            if (kind, name) not in used and (section, name) not in ASKED_FROM_OUTSIDE and not by_itself:
                at = document.key(section, name)
                yield NotUsed(f"{kind.kind} {name!r} is not used", at=at, remedy="use it, or remove it")
