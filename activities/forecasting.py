"""Trying a draft on the enrolled population: who is drawn from the records, who is led through the months ahead by the engine.

Rule 1: nothing about a patient is written; what is kept is the forecast, with opaque ids and counts.
Rule 2: states are read and opened here, in pages; the processes that compute hold no database and no key.

Run as a module it makes one forecast that was asked for (``{"id", "url", "master"}`` on its standard input, so that no list of
processes shows a key), and puts down how far it is. Killed, it leaves a lease that runs out: see ``records.forecasts``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pathways.engine.plan import ContactRules
from pathways.forecast.behaviour import Behaviour
from pathways.forecast.health import numbers_told
from pathways.forecast.outlook import Sums, Whom, outlook
from pathways.forecast.sample import Asked, Part
from pathways.forecast.sharing import follow_all
from pathways.language import Loaded, load, report
from pathways.language.scenarios import Home, Lab, Visit
from records.behaviour import measured
from records.clock import Clock, system_time
from records.database import Database, DatabaseAway
from records.forecasts import Forecasts, Population, TeamOf, drawn, in_batches, lease_name
from records.lease import Lease
from records.tables import ForecastRow
from records.vault import Vault

SAMPLE = 2_000  # a minute on two cores
WEEKS = 52
SMS_COST = 0.05  # of a segment; whoever asks says what theirs costs
LARGEST_PART = 500  # people, who share one image of their team's calendar
ALONE = 100  # people who are looked at sooner than another process begins
PARTS = 16  # at least, so that every process has work and the bar moves
TOLD_EVERY = 2.0  # seconds

Tell = Callable[[int, int], Awaitable[None]]


class CannotForecast(ValueError):
    """This draft cannot be tried; the message says why and what to do."""


class _Cancelled(Exception):
    """Nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be forecast. ``teams``: only theirs; ``services`` and ``tags``: what of today's is replaced by what in the draft.

    ``sms_cost``: of one segment. ``weeks``: from 1 to 104.
    """

    text: str
    sample: int = SAMPLE
    weeks: int = WEEKS
    seed: int = 1
    sms_cost: float = SMS_COST
    teams: frozenset[str] | None = None
    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Without the text, as a row keeps it."""
        return {
            "sample": self.sample,
            "weeks": self.weeks,
            "seed": self.seed,
            "sms_cost": self.sms_cost,
            "teams": None if self.teams is None else sorted(self.teams),
            "services": dict(self.services),
            "tags": dict(self.tags),
        }

    @classmethod
    def from_json(cls, text: str, asked: Mapping[str, Any]) -> Wanted:
        """What ``to_json`` wrote."""
        teams = asked["teams"]
        return cls(text, **{**asked, "teams": None if teams is None else frozenset(teams)})


async def _silently(done: int, total: int) -> None:
    """Nobody asked how far it is."""


@dataclass(frozen=True)
class Forecasting:
    """``processes``: how many compute; 0 for this one alone. ``behaviour``: what is assumed where own records tell too little."""

    database: Database
    vault: Vault
    clock: Clock
    contact: ContactRules = field(default_factory=ContactRules)
    behaviour: Behaviour = field(default_factory=Behaviour)
    processes: int = 2

    async def run(self, wanted: Wanted, tell: Tell = _silently, *, pathway: str = "") -> dict[str, Any]:
        """The forecast as JSON (see ``pathways.forecast.outlook``). ``tell``: how many people are done, of how many;
        ``pathway``: the name that the draft must have.

        Raises CannotForecast.
        """
        loaded = sound(wanted.text)
        assert loaded.pathway is not None
        name, version = loaded.pathway.name, loaded.pathway.version
        if pathway not in ("", name):
            raise CannotForecast(f"this is a definition of {name}, not of {pathway}; try it under its own name")
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            first, last = now.date() - timedelta(days=1), now.date() + timedelta(weeks=wanted.weeks + 20)
            population = Population(session, self.vault)
            teams = await population.teams(name, first, last, only=wanted.teams, base=self.contact)
            if not teams:
                raise CannotForecast(f"nobody is enrolled on {name} whom you may see; there is nobody to try the draft on")
            against = await population.versions(name, only=wanted.teams)
            texts = {**await population.texts(), version: wanted.text}
            behaviour = self.behaviour.with_measured(await measured(session, self.vault, now=now))
        asked = Asked(
            pathway=name,
            draft=version,
            texts=texts,
            now=now,
            weeks=wanted.weeks,
            seed=wanted.seed,
            behaviour=behaviour,
            contact=self.contact,
            services=wanted.services,
            tags=wanted.tags,
            told=_told(loaded),
        )
        whom = drawn(teams, wanted.sample, wanted.seed)
        total, sums = sum(map(len, whom.values())), Sums()
        await tell(0, total)
        done = 0
        processes = self.processes if total > ALONE else 0
        async for part in follow_all(asked, self._parts(teams, whom, total), processes=processes):
            sums.add(part)
            done += part.sizes.total() + part.left_out.total()
            await tell(done, total)
        return outlook(
            sums,
            [Whom(team.team, len(team.patients), team.capacity, team.worked) for team in teams],
            pathway=name,
            version=version,
            since=now.date(),
            weeks=wanted.weeks,
            seed=wanted.seed,
            behaviour=behaviour,
            sms_cost=wanted.sms_cost,
            against=against,
        )

    async def _parts(self, teams: list[TeamOf], whom: Mapping[str, list[str]], total: int) -> AsyncIterator[Part]:
        """A transaction for each part: what a process is busy with is no reason to hold one."""
        size = min(LARGEST_PART, max(50, -(-total // PARTS)))
        for team in teams:
            ids = whom[team.team]
            parts = -(-len(ids) // size)
            for n in range(parts):  # by turns, so that parts of a team are of a size
                async with self.database.reading() as session:
                    people = in_batches(await Population(session, self.vault).sampled(ids[n::parts]))
                yield Part(team.team, len(team.patients), team.capacity, team.worked, people, team.contact)


def sound(text: str) -> Loaded:
    """A draft that can be followed. Raises CannotForecast with everything that is wrong with it."""
    loaded = load(text, file="draft")
    if loaded.pathway is None:
        raise CannotForecast(f"this draft has errors; mend them first:\n{report(loaded.errors)}")
    return loaded


def _told(loaded: Loaded) -> dict[str, list[float]]:
    """The numbers in a draft's own scenarios."""
    steps = [step for scenario in loaded.scenarios for step in scenario.steps]
    return numbers_told(step.action.readings.given for step in steps if isinstance(step.action, Visit | Home | Lab))


# --- one forecast in a process of its own


def lease_of(database: Database, forecast: str, holder: str = "") -> Lease:
    """The lease of a forecast that is being made; its holder is called as the forecast is."""
    return Lease(database, lease_name(forecast), lasts=timedelta(seconds=90), holder=holder or forecast)


async def hold(lease: Lease) -> None:
    """Renew it until somebody ends this; a database that is away for a moment does not lose what was computed."""
    while True:
        await asyncio.sleep(lease.lasts.total_seconds() / 6)
        with contextlib.suppress(DatabaseAway):
            await lease.take()


async def make(database: Database, vault: Vault, forecast: str, *, processes: int = 2) -> None:
    """Make the forecast that was asked for and keep what it came to; what goes wrong is kept as its problem."""
    lease = lease_of(database, forecast)
    if not await lease.take():
        return
    async with database.reading() as session:
        row = await session.get_one(ForecastRow, forecast)
        wanted, pathway = Wanted.from_json(row.text, row.asked), row.pathway
    told = 0.0

    async def put_down(**what: Any) -> bool:
        async with database.begin() as session:
            return await Forecasts(session).change(forecast, **what)

    async def tell(done: int, total: int) -> None:
        nonlocal told
        moment = asyncio.get_running_loop().time()
        if done and moment < told + TOLD_EVERY:
            return
        told = moment
        if not await put_down(status="running", done=done, total=total):
            raise _Cancelled

    holding = asyncio.create_task(hold(lease))
    try:
        result = await Forecasting(database, vault, Clock(), processes=processes).run(wanted, tell, pathway=pathway)
        looked_at = result["sampled"] + sum(result["left_out"].values())
        await put_down(status="done", result=result, done=looked_at, total=looked_at, ended=system_time())
    except _Cancelled:
        pass  # whoever asked does not want it any more, which is put down already
    except CannotForecast as refused:
        await put_down(status="failed", problem=str(refused)[:500], ended=system_time())
    except Exception as fault:  # its text may hold what is personal: its name has to do
        told_of = f"This went wrong on our side ({type(fault).__name__}). Ask again; if it stays so, tell whoever runs Cairn."
        await put_down(status="failed", problem=told_of, ended=system_time())
        raise
    finally:
        holding.cancel()
        await lease.release()


async def _main() -> None:
    asked = json.loads(sys.stdin.read())
    database = Database.open(asked["url"])
    try:
        await make(database, Vault(base64.b64decode(asked["master"])), asked["id"])
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(_main())
