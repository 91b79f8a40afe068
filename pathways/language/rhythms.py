"""Rhythms, reminders, readings and tables that cannot be meant as they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pathways.engine.plan import ByTag, Pathway, Service
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import (
    BadRange,
    BadReminder,
    BadValue,
    MisplacedRow,
    MissingKey,
    NoIncompleteRow,
    PathwayError,
    Unexplained,
    UnknownTag,
)
from pathways.language.names import is_only_asked, tags_of

_LATEST_REMINDER = 60


def check_rhythms(document: Document, data: Mapping[str, Value], pathway: Pathway) -> Iterator[PathwayError]:
    """Times for each tag, reminders, escalations, bookings, and the tables' rows for missing readings."""
    tags = tags_of(document) if "tags" in data else []  # what is wrong with the list itself is said once
    for name, what in (data.get("services") or {}).items():
        here: Steps = ("services", name)
        for key in ("every", "book"):
            if isinstance(what.get(key), dict):
                yield from _tags(document, (*here, key), what[key], tags)
        for number, missed in enumerate(what.get("if_missed") or ()):
            if isinstance(missed["after"], dict):
                yield from _tags(document, (*here, "if_missed", number, "after"), missed["after"], tags)
            if len(missed) == 1:
                at = document.at(*here, "if_missed", number)
                yield BadReminder("nothing happens here", at=at, remedy="add open_task, send or mark")
        service = pathway.services[name]
        yield from _reminders(document, service, here, "every" in what)
        yield from _escalations(document, service, here, tags)
    for name, rows in (data.get("tables") or {}).items():
        yield from _incomplete(document, name, rows, pathway)


def _tags(document: Document, steps: Steps, by_tag: Mapping[str, Value], tags: list[str]) -> Iterator[PathwayError]:
    if not tags:
        return
    for tag in by_tag:
        if tag not in tags:
            yield UnknownTag(tag, at=document.key(*steps, tag), known=tags)
    missing = [tag for tag in tags if tag not in by_tag]
    if missing:
        at = document.key(*steps)
        yield BadValue(f"no time for tag {', '.join(missing)}", at=at, remedy=f"add {missing[0]}: ..., or one time for all")


def _every(by_tag: ByTag) -> list[int]:
    return [by_tag.always] if by_tag.always is not None else list(by_tag.days.values())


def _reminders(document: Document, service: Service, here: Steps, recurs: bool) -> Iterator[PathwayError]:
    shortest = min(_every(service.every))
    if recurs and shortest < 1:
        at = document.at(*here, "every")
        yield BadReminder("this service would be due again on the same day", at=at, remedy="write at least 1 day")
    if recurs and service.early != ByTag(always=0):
        for tag in service.early.days or [None]:
            if service.early.on(tag) >= service.every.on(tag):
                what = f"it may be booked {service.early.on(tag)} days before, which is the whole rhythm"
                yield BadReminder(what, at=document.at(*here, "book"), remedy="write fewer days before")
                break
    seen: set[int] = set()
    for number, reminder in enumerate(service.remind):
        at = document.at(*here, "remind", number, "when")
        if reminder.offset in seen:
            yield BadReminder("two reminders on one day", at=at, remedy="keep one, or move it")
        if recurs and -reminder.offset >= shortest:
            what = f"a reminder {-reminder.offset} days before comes before the visit that it follows ({shortest} days)"
            yield BadReminder(what, at=at, remedy=f"write fewer than {shortest} days before")
        if reminder.offset > _LATEST_REMINDER:
            what = f"a reminder {reminder.offset} days after is no reminder"
            yield BadReminder(what, at=at, remedy="use if_missed for what happens so late")
        seen.add(reminder.offset)


def _escalations(document: Document, service: Service, here: Steps, tags: list[str]) -> Iterator[PathwayError]:
    for number in range(1, len(service.if_missed)):
        before, after = service.if_missed[number - 1].after, service.if_missed[number].after
        if any(after.on(tag) < before.on(tag) for tag in tags or [""]):
            at = document.at(*here, "if_missed", number, "after")
            yield BadReminder("this comes before the one above it", at=at, remedy="put them in the order of their days")
    for number, missed in enumerate(service.if_missed):
        if missed.again is not None and missed.again < 1:
            at = document.at(*here, "if_missed", number, "again")
            yield BadReminder("again every 0 days would never end", at=at, remedy="write at least 1 day")


def _incomplete(document: Document, name: str, rows: list[Value], pathway: Pathway) -> Iterator[PathwayError]:
    incomplete = [n for n, row in enumerate(rows) if isinstance(row, dict) and row.get("incomplete")]
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            continue
        at = document.at("tables", name, number)
        if "when" in row and row.get("incomplete"):
            remedy = "remove when: the row answers when no other can"
            yield MisplacedRow(f"row {row['row']} is both for a condition and for missing readings", at=at, remedy=remedy)
        elif "when" not in row and not row.get("incomplete"):
            yield MissingKey("when", at=at, example='when: sbp >= 180, or "incomplete: true"')
    for number in incomplete[1:]:
        remedy = "keep one"
        at = document.at("tables", name, number)
        yield MisplacedRow("a second row for missing readings", at=at, remedy=remedy)
    table = pathway.tables.get(name)
    asked = {used for row in table.rows if row.when for used in row.when.names} if table else set()
    if (
        asked & (pathway.readings.keys() | pathway.values.keys())
        and not incomplete
        and None not in rows
        and not is_only_asked(document)
    ):
        remedy = "add a row with incomplete: true, which decides when readings are missing"
        yield NoIncompleteRow(f"table {name!r} has no row for missing readings", at=document.key("tables", name), remedy=remedy)


def check_readings(document: Document, data: Mapping[str, Value]) -> Iterator[PathwayError]:
    """Readings of two kinds at once, ranges upside down, optional ones without a label."""
    for name, reading in (data.get("readings") or {}).items():
        here = ("readings", name)
        kinds = [key for key in ("choices", "yes_no", "list") if key in reading]
        if len(kinds) > 1:
            at = document.key(*here, kinds[1])
            yield BadValue(f"{name!r} is {' and '.join(kinds)} at once", at=at, remedy="keep one")
        for key in ("unit", "plausible", "also_in"):
            if kinds and key in reading:
                at = document.key(*here, key)
                yield BadValue(f"{key!r} is for numbers, and {name!r} is {kinds[0]}", at=at, remedy="remove it")
        if "also_in" in reading and not kinds:
            if "unit" not in reading:
                at = document.key(*here, "also_in")
                yield MissingKey("unit", at=at, example="unit: mg/g")
            elif reading["unit"] in reading["also_in"]:
                at = document.key(*here, "also_in", reading["unit"])
                yield BadValue(f"{reading['unit']!r} is its own unit", at=at, remedy="remove it")
        if "plausible" in reading and reading["plausible"][0] >= reading["plausible"][1]:
            at = document.at(*here, "plausible")
            yield BadRange("the range is upside down", at=at, remedy="write the lowest first: [50, 300]")
        choices = reading.get("choices") or []
        if len(set(choices)) < len(choices):
            yield BadValue("a choice stands twice", at=document.at(*here, "choices"), remedy="write each once")
        if reading.get("optional") and not reading.get("label"):
            at = document.key(*here)
            remedy = "add a label that says when it is taken"
            yield Unexplained(f"{name!r} is optional and nobody is told when to take it", at=at, remedy=remedy)
