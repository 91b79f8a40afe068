"""The console's pages beside its sign-in page: ``python -m bench console [--patients 100000] [--small 10000]``.

Two towns in PostgreSQL, one ten times the other, each with a server of its own, both up at once. One request at a time: a page
of the small town, the same page of the large one, and so on, and after each page the sign-in page of both, so that whatever the
machine does besides falls on all of them alike. Each page is asked as its reader: a health manager, a coordinator, a hospital, a
pharmacy, an administrator. Counted is the time from asking to the last byte. Aims, in the large town: at the median at most 6
times its sign-in page, at p99 at most 15 times that page's p99; and at the median a page takes less than a fifth longer than in
the small town. What a first visit loads is added up, too (aim: under 300 kB without the editor).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import aiohttp

from api.console.forms import csrf_token, fresh_key
from bench.__main__ import README, with_section
from bench.figures import shown
from bench.filling import Size, fill, postgres_at
from bench.ground import machine
from bench.over_a_city import say, served, tuned
from records.database import Database

HEADING = "## The console's pages: last results\n"
SIGN_IN = "sign in"
MEDIAN_AIM, SLOWEST_AIM, GROWTH_AIM = 6.0, 15.0, 1.2
FIRST_LOAD_AIM = 300_000  # bytes
EACH = 30  # requests of a page in a block; four blocks make a p99 that is one
BETWEEN = 6  # of the sign-in page, after each other page
WARMING = 3


@dataclass
class Town:
    """A filled database: some people of its teams, and requests of its places."""

    size: Size
    people: Sequence[tuple[str, str]]
    to_visit: list[tuple[str, str]] = field(default_factory=list)  # a visit is stored for each at the most once
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def quantile(self, page: str, share: float) -> float:
        ordered = sorted(self.seconds[page])
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def ratio(self, page: str, share: float) -> float:
        """Times the sign-in page."""
        return self.quantile(page, share) / self.quantile(SIGN_IN, share)


@dataclass(frozen=True)
class Asked:
    """``key``: whose; ``sent``: the form, where one is sent; ``part``: asked for by a page's script, to stand within it."""

    path: str
    key: str = ""
    sent: Mapping[str, str] | None = None
    part: bool = False


Ask = Callable[[Town, Random], Asked]


def _manager(path: str) -> Ask:
    return lambda town, chance: Asked(path, f"manager-of-{chance.choice(town.size.teams[:5])}")


def _patient(path: str, *, part: bool = False) -> Ask:
    def ask(town: Town, chance: Random) -> Asked:
        patient, team = chance.choice(town.people)
        return Asked(path.format(patient), f"manager-of-{team}", part=part)

    return ask


def _fixed(path: str, key: str) -> Ask:
    return lambda _, __: Asked(path, key)


def _typed(path: str, patient: str, team: str, chance: Random) -> Asked:
    key = f"manager-of-{team}"
    sent = {"csrf": csrf_token(key), "once": fresh_key(), "r.sbp": str(chance.randint(118, 138)), "r.dbp": "78"}
    return Asked(path.format(patient), key, sent)


def _foreseen(town: Town, chance: Random) -> Asked:
    return _typed("/patients/{}/visit/foreseen", *chance.choice(town.people), chance)


def _saved(town: Town, chance: Random) -> Asked:
    return _typed("/patients/{}/visit", *town.to_visit.pop(), chance)


#: Every page that somebody has before them in the course of a day.
PAGES: Mapping[str, Ask] = {
    SIGN_IN: _fixed("/", ""),
    "today": _manager("/today"),
    "recording a visit": _patient("/patients/{}/visit"),
    "what the visit would do": _foreseen,
    "saving the visit": _saved,
    "patients of a team": _manager("/patients"),
    "patients by tag": _manager("/patients?tag=red"),
    "patients by name": _manager("/patients?search=%E7%8E%8B"),
    "a patient": _patient("/patients/{}"),
    "a patient: readings": _patient("/patients/{}/readings", part=True),
    "a patient: what happened": _patient("/patients/{}/timeline", part=True),
    "a patient: the year ahead": _patient("/patients/{}/ahead", part=True),
    "inbox of a hospital": _fixed("/inbox", "clinic"),
    "inbox of a pharmacy": _fixed("/inbox", "pharmacy"),
    "pathways": _fixed("/pathways", "coordinator"),
    "a pathway": _fixed("/pathways/hypertension", "coordinator"),
    "comparing": _fixed("/pathways/hypertension/compare", "coordinator"),
    "forecasts": _fixed("/pathways/hypertension/forecasts", "coordinator"),
    "rollouts": _fixed("/pathways/hypertension/rollouts", "coordinator"),
    "overview of the network": _fixed("/overview", "coordinator"),
    "overview: lost to follow-up": _fixed("/overview/people?of=follow_up%3Alost", "coordinator"),
    "overview: red": _fixed("/overview/people?of=tag%3Ared", "coordinator"),
    "overview: tasks overdue": _fixed("/overview/people?of=overdue%3Atasks", "coordinator"),
    "administration": _fixed("/admin", "administrator"),
    "own account": _manager("/me"),
}


@dataclass
class Visited:
    """A town that is served, and whoever asks there."""

    town: Town
    http: aiohttp.ClientSession
    chance: Random = field(default_factory=lambda: Random(1))

    async def ask(self, page: str, *, counts: bool) -> None:
        took = await _asked(self.http, PAGES[page](self.town, self.chance))
        if counts:
            self.town.seconds.setdefault(page, []).append(took)


async def look(towns: Sequence[tuple[str, Town]], blocks: int) -> int:
    """Ask every page of all towns in turn; answers the bytes of a first visit to the last of them."""
    async with AsyncExitStack() as until:
        visited = []
        for url, town in towns:
            base, _ = await until.enter_async_context(served(url))
            http = await until.enter_async_context(aiohttp.ClientSession(base, cookie_jar=aiohttp.DummyCookieJar()))
            visited.append(Visited(town, http))
        for block in range(blocks + 1):  # the first warms up
            for page in PAGES:
                if page != SIGN_IN:
                    await _in_turn(visited, page, EACH if block else WARMING, counts=block > 0)
                await _in_turn(visited, SIGN_IN, BETWEEN, counts=block > 0)
            say(f"block {block} of {blocks}")
        return await _first_load(visited[-1].http, visited[-1].town, visited[-1].chance)


async def _in_turn(visited: Sequence[Visited], page: str, times: int, *, counts: bool) -> None:
    for _ in range(times):
        for one in visited:
            await one.ask(page, counts=counts)


async def _asked(http: aiohttp.ClientSession, asked: Asked) -> float:
    """Seconds to the last byte."""
    headers = _shown(asked.key) | ({"HX-Request": "true"} if asked.sent or asked.part else {})
    method = "GET" if asked.sent is None else "POST"
    begun = time.perf_counter()
    async with http.request(method, asked.path, data=asked.sent, headers=headers, allow_redirects=False) as answer:
        body = await answer.text()
        if answer.status != (401 if not asked.key else 204 if asked.path.endswith("/visit") and asked.sent else 200):
            raise RuntimeError(f"{asked.path} as {asked.key}: {answer.status} {body[:300]}")
    return time.perf_counter() - begun


def _shown(key: str) -> dict[str, str]:
    return {"Cookie": f"cairn_key={key}"} if key else {}


async def _first_load(http: aiohttp.ClientSession, town: Town, chance: Random) -> int:
    """The heaviest of the pages with everything that it names, as it travels."""
    heaviest = 0
    for page, ask in PAGES.items():
        asked = ask(town, chance)
        if asked.sent is not None or asked.part:
            continue
        async with http.get(asked.path, headers=_shown(asked.key)) as answer:
            text = await answer.text()
        total = len(text.encode())
        waiting, seen = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', text)), set[str]()
        while waiting:
            one = waiting.pop()
            seen.add(one)
            async with http.get(one) as answer:
                content = await answer.read()
            total += len(content)
            if one.endswith(".js"):
                beside = one.rpartition("/")[0]
                found = re.findall(r'(?:^|\n)\s*(?:import|export)[^;\n]*?"\./([^"]+)"', content.decode())
                waiting |= {f"{beside}/{name}" for name in found} - seen
        say(f"{page}: {total / 1000:,.0f} kB")
        heaviest = max(heaviest, total)
    return heaviest


async def _filled(url: str, size: Size) -> Town:
    database = Database.open(url)
    try:
        await fill(database, size, today=datetime.now(UTC).date(), say=say)
    finally:
        await database.close()
    async with postgres_at(url) as postgres:
        people = await postgres.fetch(
            "SELECT id, care_team_id FROM patient WHERE care_team_id = ANY($1) LIMIT 1000", size.teams[:5]
        )
    found = [(row["id"], row["care_team_id"]) for row in people]
    half = len(found) // 2
    return Town(size, found[:half], found[half:])


async def run(towns: Sequence[tuple[str, Size]], blocks: int) -> str:
    """The table. ``towns``: the small one and the large one."""
    found = [(url, await _filled(url, size)) for url, size in towns]
    heaviest = await look(found, blocks)
    (_, small), (_, large) = found
    lines = [
        f"**console** ({large.size.patients:,} patients beside {small.size.patients:,}; "
        f"{blocks * EACH} requests a page; {machine()})",
        "",
        "| page | p50, ms | p99, ms | p50, times signing in (aim 6) | p99 (aim 15) | p50, times the small town's (aim 1.2) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for page in PAGES:
        grown = large.quantile(page, 0.5) / small.quantile(page, 0.5)
        cells = [
            large.quantile(page, 0.5) * 1000,
            large.quantile(page, 0.99) * 1000,
            large.ratio(page, 0.5),
            large.ratio(page, 0.99),
        ]
        lines.append(f"| {page} | " + " | ".join(shown(cell) for cell in (*cells, grown)) + " |")
    lines += ["", f"First visit without the editor, the heaviest page with all that it loads: {heaviest / 1000:,.0f} kB (aim 300)."]
    return "\n".join(lines) + "\n"


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench console", description=__doc__)
    options.add_argument("--patients", type=int, default=100_000)
    options.add_argument("--small", type=int, default=10_000)
    options.add_argument("--blocks", type=int, default=4)
    options.add_argument("--record", action="store_true", help="the results into bench/README.md")
    chosen = options.parse_args()
    with tuned() as (url, _):
        town = url.replace("/city", "/town")
        asyncio.run(_made(url, "town"))
        sizes = [(where, _size(patients)) for where, patients in ((town, chosen.small), (url, chosen.patients))]
        results = asyncio.run(run(sizes, chosen.blocks))
    print(results, flush=True)
    if chosen.record:
        README.write_text(with_section(README.read_text(encoding="utf-8"), HEADING, results), encoding="utf-8")
    return 0


def _size(patients: int) -> Size:
    """A town with a hospital for each 10,000 people and two pharmacies: a larger one has more places, not busier ones."""
    places = max(1, patients // 10_000)
    return Size(patients, 10 * patients, places=(places, 2 * places))


async def _made(url: str, name: str) -> None:
    async with postgres_at(url) as postgres:
        await postgres.execute(f"CREATE DATABASE {name}")


if __name__ == "__main__":
    sys.exit(main())
