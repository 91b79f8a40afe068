"""A list of people as a centre keeps it, sent as one file: every row is checked before anybody is stored, then each is enrolled.

Rule 1: the roster's own reader says what a row means; what it refuses, and whoever is there already, is told by row and column.
Rule 2: a person is enrolled by their identifiers, so that a file sent twice, or gone on with twice, enrols nobody twice.
Rule 3: what was not taken comes back as a file with the reason in each row, to be mended and sent again.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from time import monotonic
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.enrolment import matching
from api.parts import ApiParts
from api.showing.findings import ROWS, every_way, in_words
from pathways.engine import calendar
from pathways.engine.plan import Pathway
from records.intake.codes import shipped_codes
from records.intake.columns import column_of, decode
from records.intake.people import Identifier, Intake, Refused
from records.intake.roster import read_roster
from records.rosters import Cells, Line, Opened, Rosters
from records.scope import Scope
from records.tables import CareTeam, Patient, PersonToken
from records.vault import Vault

MOST_ROWS = 2000
LARGEST = 900 * 1024  # bytes; a request takes little more
MOST_TEAMS = 2000
ASKED_AT_ONCE = 400  # tokens
AT_ONCE = 25  # people in one request
NO_LONGER_THAN = 2.0  # seconds that a request goes on with the next one
ELSEWHERE = "enrolled already, in a care team that you do not see"
BECAUSE = "not taken because"  # the column that is added to what was not taken; read again in whichever language it was sent out
RUNS = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet takes a cell for a formula
NOT_TAKEN = frozenset({"refused", "twice", "elsewhere", "no_pathway", "died", "no_care_team"})


class Unreadable(ValueError):
    """The file as a whole cannot be used. ``remedy``: what would be right."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def cells_of(content: bytes) -> Cells:
    """The rows of a file, the header first, numbered as a spreadsheet does. Raises Unreadable."""
    as_csv = "save it from the spreadsheet as CSV (UTF-8), and send that"
    if len(content) > LARGEST:
        raise Unreadable(f"the file is larger than {LARGEST // 1024} kB", "send it as several files")
    if content.startswith(b"PK") or (b"\0" in content[:64] and content[:2] not in (b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("this is a spreadsheet, an archive or another binary file", as_csv)
    written = decode(content)
    if written is None:
        raise Unreadable("this is neither UTF-8 nor UTF-16 nor GB18030 text", as_csv)
    written = written.removeprefix("\ufeff").lstrip("\r\n").replace("\0", "")
    first = written.split("\n", 1)[0]
    if not first.strip():
        raise Unreadable("the file is empty", "send a first row that names the columns, and a row for each person")
    try:
        rows = list(csv.reader(io.StringIO(written, newline=""), delimiter=max(",;\t", key=first.count)))
    except csv.Error:
        raise Unreadable("this is not CSV", "look for a quotation mark that is not closed") from None
    if sum(1 for row in rows[1:] if any(row)) > MOST_ROWS:
        raise Unreadable(f"there are more than {MOST_ROWS} rows", "send it as several files")
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(cell: str) -> str:
    """A cell without the mark that keeps a spreadsheet from running it, which our own files have."""
    return cell[1:] if cell.startswith("'") and cell[1:2] in RUNS else cell


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows as comma-separated text."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def not_taken(seen: Opened, language: str) -> Cells:
    """The rows that nobody was enrolled from, the header first and the reason at the end of each, said in ``language``."""
    kept = _asked_about(seen.cells)
    rows = [[*(seen.cells[0][n] for n in kept), in_words(BECAUSE, language, ROWS)]]
    for line in seen.lines:
        if line.status in NOT_TAKEN:
            cells = seen.cells[line.row - 1]
            why = "; ".join(in_words(one, language, ROWS) for one in (line.what, line.remedy) if one)
            rows.append([*(cells[n] if n < len(cells) else "" for n in kept), why])
    return rows


def _asked_about(cells: Cells) -> list[int]:
    """The columns that say something of a person: all but the reasons that we added."""
    reasons = every_way(BECAUSE, ROWS)
    return [n for n, name in enumerate(cells[0]) if name not in reasons]


@dataclass(frozen=True)
class _Network:
    """What rows are held against. ``teams``: id and time zone, by id and by name; ``known``: patient and team, by token."""

    teams: Mapping[str, tuple[str, str]]
    known: Mapping[bytes, tuple[str, str]]
    current: Mapping[str, Pathway]
    today: date


async def check(parts: ApiParts, scope: Scope, cells: Cells, *, team: str | None, language: str = "") -> tuple[Cells, list[Line]]:
    """The rows as they are to be kept, and what each would come to; nothing is stored.

    ``team``, ``language``: of those whose row names none. Where the file has no column for the time zone, or for what it follows
    from, it is the care team's. Raises Unreadable.
    """
    team = scope.team or team
    async with parts.database.reading() as session:
        today = calendar.local_day(await parts.clock.now(session), "UTC")
        teams = await _teams(session, scope)
        cells = _filled(cells, teams, team, language)
        read = await asyncio.to_thread(_read, cells, today)
        found = [intake for intake in read if isinstance(intake, Intake)]
        tokens = {_token(parts.vault, one) for intake in found for one in intake.identifiers}
        network = _Network(teams, await _known(session, sorted(tokens)), await parts.plans.current(session), today)
    return cells, await asyncio.to_thread(_lines, parts.vault, scope, network, read, team)


def _filled(cells: Cells, teams: Mapping[str, tuple[str, str]], team: str | None, language: str) -> Cells:
    """With a column more for what no column says, so that phones are read and days are counted where people live."""
    codes = shipped_codes()
    names = [column_of(header.strip(), codes).name for header in cells[0]]
    zoned, spoken = {"timezone", "country", "state"}.isdisjoint(names), language and "language" not in names
    named = names.index("care_team") if "care_team" in names else None
    rows: Cells = []
    for n, row in enumerate(cells):
        whose = (row[named].strip() if named is not None and named < len(row) else "") or team or ""
        more = (["timezone"] if n == 0 else [teams.get(whose, ("", ""))[1]]) if zoned else []
        more += (["language"] if n == 0 else [language]) if spoken else []
        rows.append([*row, *[""] * (len(cells[0]) - len(row)), *more] if any(row) and len(row) <= len(cells[0]) else row)
    return rows


def _read(cells: Cells, today: date) -> list[Intake | Refused]:
    kept = _asked_about(cells)
    rows = [[row[n] for n in kept if n < len(row)] + row[len(cells[0]) :] for row in cells]
    read = list(read_roster(as_csv(rows), "roster", on=today))
    for one in read:
        if isinstance(one, Refused) and (one.place == "the file" or _row(one) == 1):
            raise Unreadable(one.what, one.remedy)
    return read


def _row(found: Intake | Refused) -> int:
    return int(found.place.removeprefix("row "))


def _lines(vault: Vault, scope: Scope, network: _Network, read: Iterable[Intake | Refused], team: str | None) -> list[Line]:
    lines: list[Line] = []
    seen: dict[bytes, int] = {}
    for found in read:
        row = _row(found)
        if isinstance(found, Refused):
            lines.append(Line(row, "refused", what=found.what, remedy=found.remedy))
            continue
        tokens = [_token(vault, one) for one in found.identifiers]
        twice = next((seen[token] for token in tokens if token in seen), None)
        seen |= dict.fromkeys(tokens, row)
        line = _line(scope, network, found, row, tokens, team)
        if twice is not None and line.status == "to_enrol":
            line = Line(row, "twice", what=f"the same person as row {twice}", remedy="leave one of the two rows out")
        lines.append(line)
    return lines


def _line(scope: Scope, network: _Network, intake: Intake, row: int, tokens: Iterable[bytes], team: str | None) -> Line:
    notes = tuple((note.what, note.remedy) for note in intake.notes)
    known = next((network.known[token] for token in tokens if token in network.known), None)
    if known is not None:
        patient, theirs = known
        if scope.covers_team(theirs):
            return Line(row, "already_enrolled", patient=patient, notes=notes)
        return Line(
            row, "elsewhere", what="enrolled already, in a care team that you do not see", remedy="ask whoever sees all teams"
        )
    named = intake.care_team
    whose = network.teams.get(named or team or "")
    if whose is None:
        what = f"column care_team: {named!r} is not among your care teams" if named else "column care_team: empty"
        return Line(row, "refused", what=what, remedy="name one of yours, or choose one for all rows that name none")
    if intake.died is not None:
        return Line(row, "died", what="column died: has died", remedy="leave the row out, or empty the cell")
    if not any(match.matched for match in matching(network.current, intake, network.today)):
        remedy = "look at column conditions and column born, or leave the row out"
        return Line(row, "no_pathway", what="no pathway is for this person", remedy=remedy, notes=notes)
    return Line(row, "to_enrol", team=whose[0], notes=notes)


async def go_on(parts: ApiParts, scope: Scope, seen: Opened, *, most: int = AT_ONCE) -> None:
    """Enrol some more of those that are to be enrolled, in the order of their rows."""
    lines, done = list(seen.lines), seen.row.done
    until, enrolled = monotonic() + NO_LONGER_THAN, 0
    async with parts.database.reading() as session:
        today = calendar.local_day(await parts.clock.now(session), "UTC")
    while done < len(lines) and enrolled < most and monotonic() < until:
        if lines[done].status == "to_enrol":
            lines[done] = await _enrolled(parts, scope, seen, lines[done], today)
            enrolled += 1
        done += 1
    async with parts.database.begin() as session:
        await Rosters(session, parts.vault).went_on(seen, lines, done=done)


async def _enrolled(parts: ApiParts, scope: Scope, seen: Opened, line: Line, today: date) -> Line:
    if not scope.covers_team(line.team):
        return replace(line, status="refused", what="this care team is not yours any more", remedy="ask whoever sees all teams")
    (intake,) = _read([seen.cells[0], seen.cells[line.row - 1]], today)
    if isinstance(intake, Refused):
        return replace(line, status="refused", what=intake.what, remedy=intake.remedy)
    intake = replace(intake, place=f"row {line.row}", care_team=line.team)
    outcome = await parts.enrolments.enrol(intake, by=seen.row.owner)
    if outcome.status == "no_pathway":
        return replace(line, status="no_pathway", what="no pathway is for this person", remedy="look at column conditions")
    return replace(line, status=outcome.status, patient=outcome.patient_id or "")


def _token(vault: Vault, identifier: Identifier) -> bytes:
    return vault.token("identifier", f"{identifier.system}|{identifier.value}")


async def _teams(session: AsyncSession, scope: Scope) -> dict[str, tuple[str, str]]:
    """The caller's care teams with their time zones, by name and by id."""
    query: Select[*tuple[Any, ...]] = (
        select(CareTeam.id, CareTeam.name, CareTeam.timezone).order_by(CareTeam.id.desc()).limit(MOST_TEAMS)
    )
    rows = [(id_, name, zone) for id_, name, zone in await session.execute(scope.of_teams(query, CareTeam.id))]
    return {**{name: (id_, zone) for id_, name, zone in rows}, **{id_: (id_, zone) for id_, _, zone in rows}}


async def _known(session: AsyncSession, tokens: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
    found: dict[bytes, tuple[str, str]] = {}
    for begins in range(0, len(tokens), ASKED_AT_ONCE):
        some = tokens[begins : begins + ASKED_AT_ONCE]
        query = select(PersonToken.token, Patient.id, Patient.care_team_id).join(Patient, Patient.id == PersonToken.patient_id)
        rows = await session.execute(query.where(PersonToken.kind == "identifier", PersonToken.token.in_(some)))
        found |= {token: (patient, team) for token, patient, team in rows}
    return found
