"""``python -m workers.play``: play a community's patients, care team, hospitals and pharmacies against a running service.

Exit codes: 0 played to the end; 1 the play could not go on, and one sentence says why; 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import httpx
from rich.console import Console

from workers.play.dice import Dice
from workers.play.loop import Play
from workers.play.service import Keys, PlayStopped, Refused, Service
from workers.play.show import Show


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser("python -m workers.play", description="Play a community against a running service.")
    parser.add_argument("--url", default="http://127.0.0.1:8733", help="where the service answers")
    parser.add_argument("--keys", type=Path, required=True, help="JSON file with the API keys")
    parser.add_argument("--until", type=date.fromisoformat, help="the day to play to, YYYY-MM-DD")
    parser.add_argument("--weeks", type=int, help="play so many weeks from where the clock stands")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another year")
    parser.add_argument(
        "--grid", type=int, default=60, help="minutes: what lies closer together happens at one moment; 0: to the second"
    )
    parser.add_argument("--costs", action="store_true", help="say at the end which requests took the time")
    found = parser.parse_args(given)
    if found.until is None and found.weeks is None:
        parser.error("say how far to play: --until 2026-03-03, or --weeks 4")
    return found


def end_of(now: datetime, until: date | None, weeks: int | None) -> datetime:
    """The moment to play to: the earlier of the two that were asked for."""
    ends = [datetime.combine(until, time(0), tzinfo=UTC)] if until is not None else []
    return min([*ends, now + timedelta(weeks=weeks)] if weeks is not None else ends)


async def play(asked: argparse.Namespace, console: Console) -> None:
    """Play as asked. Raises PlayStopped."""
    keys = Keys.read(asked.keys)
    async with httpx.AsyncClient(base_url=asked.url, timeout=60, limits=httpx.Limits(max_keepalive_connections=8)) as client:
        service = Service(client, keys)
        players = Play(service, Dice(asked.seed), timedelta(minutes=max(0, asked.grid)))
        now = await players.begin()
        end = end_of(now, asked.until, asked.weeks)
        with Show(console, now, end) as show:
            show.line(f"{len(players.scene.people)} patients; playing from {now:%Y-%m-%d %H:%M} to {end:%Y-%m-%d}")
            await players.until(end, show)
        for line in await players.summary():
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if asked.costs:
            console.print(f"{players.moments} moments; {players.waited:.1f} s of waiting until all had settled")
            for shape, (count, seconds) in sorted(service.spent.items(), key=lambda item: -item[1][1]):
                console.print(f"{seconds:8.1f} s {count:7} x {shape}", highlight=False, markup=False)


def main() -> int:
    """Run it."""
    console = Console()
    try:
        asyncio.run(play(arguments(), console))
    except PlayStopped as stopped:
        print(f"play: {stopped}", file=sys.stderr)
        return 1
    except Refused as no:
        print(f"play: the service did not take what nobody can do without: {no}; give keys of its own", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("play: interrupted; start it again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
