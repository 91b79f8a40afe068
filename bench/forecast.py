"""How fast a draft is tried on a population: people a second, beside the aim, and what holds it back.

``python -m bench.forecast [--people 1000] [--processes 2] [--profile]``: invented people on the shipped pathways, three in ten on
two of them, half with medicine; a year of each under today's version and under a draft. The states are serialised as records keep
them; no database. ``--profile`` names what the time goes into, in this process alone.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import os
import pstats
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from random import Random

from pathways.engine import State, events, step
from pathways.engine.events import Fill, Known
from pathways.engine.plan import Plan
from pathways.forecast.bookings import TeamCalendar, WorkingDays, booked
from pathways.forecast.outlook import Sums
from pathways.forecast.population import Forecaster
from pathways.forecast.sample import Asked, Part, Sampled
from pathways.forecast.sharing import collect_seldom, follow_all
from pathways.language import library, load_published
from pathways.serial import dump_state

NOW = datetime(2025, 3, 3, 1, tzinfo=UTC)
TEAM = 250  # people of the sample in a part
AIM_S, AIM_PEOPLE = 15.0, 10_000  # on two cores
MILLION_AIM_S = 15 * 60.0
SHOWN = 15
ALONE = 200  # people of whom the processor's time is taken
CORES = 2


def asked() -> Asked:
    """Hypertension with green visits every two months in place of three."""
    shipped = library()
    document = shipped["hypertension"].document
    assert document is not None
    text = document.text.replace("green: 90 days}", "green: 60 days}", 1).replace("    within: 90 days\n", "    within: 60 days\n")
    draft = load_published(text, file="draft").pathway
    assert draft is not None
    texts = {one.pathway.version: one.document.text for one in shipped.values() if one.pathway and one.document}
    return Asked("hypertension", draft.version, {**texts, draft.version: text}, NOW)


def people(many: int, *, seed: int = 1) -> list[Sampled]:
    """Enrolled within the last quarter, with a day for their next visit."""
    chance, shipped = Random(seed), library().pathways()
    found: list[Sampled] = []
    calendar = TeamCalendar(20)
    for n in range(many):
        names = ("hypertension", "type2_diabetes") if chance.random() < 0.3 else ("hypertension",)
        plan, at = Plan({name: shipped[name] for name in names}), NOW - timedelta(days=chance.randint(1, 80))
        on = at.date()
        known = {
            "sbp": round(chance.gauss(136, 13), 0),
            "dbp": round(chance.gauss(81, 8), 0),
            "fpg": round(chance.gauss(7, 1.5), 1),
        }
        joined = events.Enrolled(
            id="e",
            at=at,
            learnt=at,
            pathways=names,
            born=date(1945 + chance.randint(0, 35), 4, 1),
            conditions=names,
            timezone="Asia/Shanghai",
            readings={name: Known(value, on) for name, value in known.items()},
            last_visit=on - timedelta(days=10),
            fills=(Fill("amlodipine", on - timedelta(days=chance.randint(0, 25)), 30),) if chance.random() < 0.5 else (),
        )
        outcome = step(plan, State(f"{n:08x}"), joined)
        state = outcome.state
        for taken in booked(plan, state, outcome.commands, at, find_day=calendar.book):
            state = taken.outcome.state
        versions = {name: shipped[name].version for name in names}
        found.append(Sampled(state.patient, "zh-Hans", versions, dump_state(state), batch=n % 10))
    return found


async def _parts(sample: list[Sampled]) -> AsyncIterator[Part]:
    for begin in range(0, len(sample), TEAM):
        some = sample[begin : begin + TEAM]
        yield Part(f"team-{begin // TEAM}", 2000, 20, WorkingDays(), some)


async def _timed(sample: list[Sampled], processes: int) -> tuple[float, Sums]:
    sums, begun = Sums(), time.perf_counter()
    async for done in follow_all(asked(), _parts(sample), processes=processes):
        sums.add(done)
    return time.perf_counter() - begun, sums


def computed(sample: list[Sampled]) -> tuple[float, int, int]:
    """Seconds of a processor, steps and people, in one process, once everything is compiled, as a process of the pool has them."""
    forecaster = Forecaster(asked())
    forecaster.follow(Part("warm", 2000, 20, WorkingDays(), sample[:2]))
    collect_seldom()
    begun = time.process_time()
    done = forecaster.follow(Part("team", 2000, 20, WorkingDays(), sample))
    return time.process_time() - begun, done.steps, done.sizes.total()


def profiled(sample: list[Sampled]) -> str:
    """What the time goes into: the first of the list by its own time."""
    forecaster, part = Forecaster(asked()), Part("team", 2000, 20, WorkingDays(), sample)
    forecaster.follow(Part("warm", 2000, 20, WorkingDays(), sample[:2]))
    profile = cProfile.Profile()
    profile.enable()
    forecaster.follow(part)
    profile.disable()
    said = io.StringIO()
    pstats.Stats(profile, stream=said).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
    return said.getvalue()[said.getvalue().index("ncalls") :].rstrip()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=1000)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--profile", action="store_true")
    chosen = options.parse_args()
    sample = people(chosen.people)
    cpu, steps, alone = computed(sample[:ALONE])
    each = f"{1000 * cpu / alone:.1f} ms of a processor for a person, a year under two versions"
    print(f"forecast: {each}; {steps / alone / 2:.0f} steps a year, {steps / cpu:,.0f} a second")
    ten, million = cpu / alone * AIM_PEOPLE / CORES, cpu / alone * 1_000_000 / CORES
    print(
        f"forecast: {AIM_PEOPLE:,} people on two cores of their own: {ten:,.0f} s; aim {AIM_S:g} s: {ten / AIM_S:.1f} times the aim"
    )
    print(
        f"forecast: 1,000,000 people, none left out: {million / 60:,.0f} minutes; aim {MILLION_AIM_S / 60:g}: "
        f"{million / MILLION_AIM_S:.1f} times the aim"
    )
    if chosen.processes:
        load = os.getloadavg()[0]
        took, sums = asyncio.run(_timed(sample, chosen.processes))
        sampled = sum(sizes.total() for sizes in sums.sizes.values())
        by = f"with {chosen.processes} processes (load {load:.1f} at the start)"
        print(f"forecast: {sampled:,} people {by}: {took:.1f} s by the clock")
    if chosen.profile:
        print(profiled(sample[:100]))


if __name__ == "__main__":
    main()
