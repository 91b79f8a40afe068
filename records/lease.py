"""A lease: of several processes that could do a thing, one does it, and another takes over when that one is gone.

Rule 1: who holds it is a row of the database; taking it is one statement with its condition inside, so two never both hold it.
Rule 2: it is held until a moment of the machine's time, never of driven time: a demonstration's clock stands still.
Rule 3: a holder that could not renew stops by itself before ``until``; machines whose clocks differ by more than ``grace`` are
        found by `cairn doctor`.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from records.clock import system_time
from records.database import Database
from records.tables import LeaseRow


def new_holder() -> str:
    """A name for this process that no other has: machine, process, and a word by chance."""
    return f"{socket.gethostname()[:40]}/{os.getpid()}/{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Lease:
    """The lease called ``name``, as ``holder`` sees it. ``lasts``: how long it is held without being renewed.

    ``grace``: how much sooner a holder counts it as gone than others do.
    """

    database: Database
    name: str
    lasts: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=10)
    holder: str = field(default_factory=new_holder)
    system: Callable[[], datetime] = system_time

    async def take(self) -> bool:
        """Take it where it is free or over, renew it where it is ours; False while another holds it."""
        now = self.system()
        try:
            async with self.database.begin() as session:
                mine_or_over = or_(LeaseRow.holder == self.holder, LeaseRow.until <= now)
                taken = await session.execute(
                    update(LeaseRow)
                    .where(LeaseRow.name == self.name, mine_or_over)
                    .values(holder=self.holder, until=now + self.lasts)
                    .execution_options(synchronize_session=False)
                )
                if cast("CursorResult[Any]", taken).rowcount == 1:
                    return True
                if await session.scalar(select(LeaseRow.holder).where(LeaseRow.name == self.name)) is not None:
                    return False
                await session.execute(insert(LeaseRow).values(name=self.name, holder=self.holder, until=now + self.lasts))
        except IntegrityError:  # two came to an empty place at once
            return False
        return True

    async def holds(self) -> bool:
        """Whether it is ours for certain: counted as gone ``grace`` before others may take it."""
        async with self.database.reading() as session:
            ours = select(LeaseRow.until).where(LeaseRow.name == self.name, LeaseRow.holder == self.holder)
            until = await session.scalar(ours)
        return until is not None and until - self.grace > self.system()

    async def release(self) -> None:
        """Give it back, so that the next need not wait; what another holds stays theirs."""
        async with self.database.begin() as session:
            await session.execute(delete(LeaseRow).where(LeaseRow.name == self.name, LeaseRow.holder == self.holder))
