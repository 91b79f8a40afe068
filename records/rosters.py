"""Lists of people that somebody sent to have enrolled: sealed, shown to whoever sent them alone, and forgotten after some days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import RosterUpload
from records.vault import PersonVault, Vault

KEPT = timedelta(days=7)
Cells = list[list[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one row. ``row``: its number in the file, from 1 (the header); ``team``: whose patient they become.

    ``status``: to_enrol, then enrolled; or what kept them out: refused, twice, already_enrolled, elsewhere, no_pathway, died.
    ``what`` and ``remedy``: why, and what would be right; ``notes``: pairs of what was not understood and what would be right.
    """

    row: int
    status: str
    team: str = ""
    what: str = ""
    remedy: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    patient: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """An upload as its owner sees it. ``cells``: the rows as sent, the header first."""

    row: RosterUpload
    cells: Cells
    lines: tuple[Line, ...]

    @property
    def left(self) -> int:
        """How many are still to be enrolled."""
        return sum(line.status == "to_enrol" for line in self.lines)


@dataclass(frozen=True)
class Rosters:
    """Uploads of one transaction."""

    session: AsyncSession
    vault: Vault

    def add(self, owner: str, cells: Cells, lines: Sequence[Line], *, at: datetime) -> RosterUpload:
        """Keep what was sent, and what was found in it."""
        id_ = uuid4().hex
        row = RosterUpload(
            id=id_,
            owner=owner,
            status="checked",
            total=sum(line.status == "to_enrol" for line in lines),
            done=0,
            at=at,
            sealed=self._keeper.seal(f"{id_}/rows", cells),
            lines=self._sealed(id_, lines),
        )
        self.session.add(row)
        return row

    async def one(self, id_: str, owner: str) -> Opened | None:
        """An upload of this owner's."""
        row = await self.session.get(RosterUpload, id_)
        if row is None or row.owner != owner:
            return None
        lines = tuple(
            Line(**{**line, "notes": tuple((what, remedy) for what, remedy in line["notes"])})
            for line in self._keeper.open(f"{id_}/lines", row.lines)
        )
        return Opened(row, self._keeper.open(f"{id_}/rows", row.sealed), lines)

    async def of(self, owner: str, *, limit: int) -> list[RosterUpload]:
        """An owner's, the newest first; nothing in them is opened."""
        query = select(RosterUpload).where(RosterUpload.owner == owner).order_by(RosterUpload.at.desc()).limit(limit)
        return list(await self.session.scalars(query))

    async def went_on(self, seen: Opened, lines: Sequence[Line], *, done: int) -> bool:
        """Put down what became of more rows; False where somebody else went on meanwhile."""
        status = "done" if done >= len(lines) else "running"
        as_seen = update(RosterUpload).where(RosterUpload.id == seen.row.id, RosterUpload.done == seen.row.done)
        written = await self.session.execute(as_seen.values(status=status, done=done, lines=self._sealed(seen.row.id, lines)))
        return isinstance(written, CursorResult) and written.rowcount == 1

    async def begin(self, seen: Opened) -> None:
        """Somebody wants them enrolled."""
        query = update(RosterUpload).where(RosterUpload.id == seen.row.id, RosterUpload.status == "checked")
        await self.session.execute(query.values(status="running"))

    async def forget(self, now: datetime) -> None:
        """Delete what is older than is kept."""
        await self.session.execute(delete(RosterUpload).where(RosterUpload.at < now - KEPT))

    def _sealed(self, id_: str, lines: Sequence[Line]) -> bytes:
        return self._keeper.seal(f"{id_}/lines", [asdict(line) for line in lines])

    @property
    def _keeper(self) -> PersonVault:
        return self.vault.keeper("rosters")
