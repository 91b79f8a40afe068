"""``cairn run``: a sample community lives through a year, played by another process through the public API.

Rule 1: this module makes the community, enrols it, and starts the players; nothing of the product knows that it is played.
Rule 2: a second start goes on where the first ended.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import httpx

from api.console.assets import FOLDER
from records.intake import Refused, read_path
from workers.chores import Chores
from workers.commands.people import told
from workers.sample import make_community
from workers.settings import Settings
from workers.stack import Stack, running, until_stopped

SHOWN_AT_ENROLMENT = 4
GRID_MINUTES = "120"  # what lies closer together happens at one moment: a year in minutes


async def demonstrate(settings: Settings, *, patients: int, begin: datetime, end: datetime, seed: int, stay: bool) -> int:
    """Bring it up, enrol, play to ``end``, show the pages; answers the process's exit code."""
    async with running(settings, driven_from=begin) as stack:
        await _enrol(stack, settings.home / "community", patients=patients, seed=seed, begin=begin)
        print(f"Look in meanwhile: {stack.console_url()}\n{_as_others(stack)}", flush=True)
        players = await _players(stack, end, seed)
        try:
            await until_stopped(players.wait)
        finally:
            if players.returncode is None:
                players.terminate()
                await players.wait()
        if players.returncode != 0:
            return 0 if players.returncode and players.returncode < 0 else (players.returncode or 0)
        await Chores.of(stack.parts, stack.client).figures()  # the overview as it stands at the end
        await _keep_pages(stack, settings.home / "pages")
        if stay:
            print(f"\nLook around: {stack.console_url()}\n{_as_others(stack)}\nCtrl-C stops it.", flush=True)
            await until_stopped()
    return 0


def _as_others(stack: Stack) -> str:
    return f"This is the coordinator's key; those of other roles and places are in {stack.keys_file}"


async def _enrol(stack: Stack, folder: Path, *, patients: int, seed: int, begin: datetime) -> None:
    """Enrol the sample community through the same door as ``cairn enrol``."""
    if not folder.exists():
        make_community(folder, patients=patients, seed=seed, on=begin.date())
    counts: Counter[str] = Counter()
    for found in read_path(folder, on=begin.date()):
        if isinstance(found, Refused):
            counts["refused"] += 1
            print(f"  refused: {found}")
            continue
        outcome = await stack.parts.enrolments.enrol(found)
        counts[outcome.status] += 1
        if outcome.status == "enrolled" and counts["enrolled"] <= SHOWN_AT_ENROLMENT:
            print("\n".join(told(outcome)), flush=True)
    await stack.housekeeping.wake_due()
    print("Enrolment: " + ", ".join(f"{status.replace('_', ' ')} {count}" for status, count in sorted(counts.items())), flush=True)


async def _players(stack: Stack, end: datetime, seed: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers.play", "--url", stack.url, "--keys", str(stack.keys_file)),
        *("--until", end.date().isoformat(), "--seed", str(seed), "--grid", GRID_MINUTES),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C comes to us first, and we end it in order
    )


async def _keep_pages(stack: Stack, folder: Path) -> None:
    """Keep a day, one patient, the phones and the numbers as plain files, to be looked at when nothing runs any more."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = json.loads(stack.keys_file.read_text())
    async with httpx.AsyncClient(base_url=stack.url, follow_redirects=True, timeout=60) as browser:
        await browser.get("/", params={"key": keys["coordinator"]})
        bearer = {"Authorization": f"Bearer {keys['coordinator']}"}
        patients: list[dict[str, str]] = []
        for tag in ("red", "yellow", "green"):
            worst = await browser.get("/api/v1/patients", params={"tag": tag, "life": "active", "limit": 1}, headers=bearer)
            patients += worst.json()["items"]
        pages = {name: await browser.get(f"/{name}") for name in ("today", "phones", "overview", "pathways")}
        if patients:
            pages["patient"] = await browser.get(f"/patients/{patients[0]['id']}")
    for name, page in pages.items():
        if page.status_code == 200:
            (folder / f"{name}.html").write_text(_whole(page.text))
    print(f"Pages kept in {folder}: {', '.join(sorted(pages))}", flush=True)


def _whole(page: str) -> str:
    """The page with its stylesheet in it, and without scripts: a file has no server to ask."""
    styles = (FOLDER / "console.css").read_text(encoding="utf-8")
    page = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    return re.sub(r'<link rel="stylesheet" href="/static/[^"]*console\.css">', lambda _: f"<style>{styles}</style>", page)
