"""Webhooks handed over a second: ``python -m bench webhooks [--changes 400] [--blocks 3]``.

Changes of referrals to one hospital, each of a referral of its own, are pushed to a receiver in a process beside, which answers at
once or after 200 ms. In turn with it: as many bare signed requests by the same client, as many at once, to the same receiver.
What is measured is the whole of a push: the change is looked up, signed, sent, and what came of it is stored (SQLite).
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from activities.signing import SIGNATURE, signature
from activities.webhooks.pushing import LANES, PushActivities
from activities.webhooks.reaching import Reaching
from bench import figures
from bench.ground import in_bulk, machine
from records.clock import Clock
from records.database import Database, migrate
from records.feed import Feed
from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Organisation, ReferralRow
from records.vault import PersonVault, Vault
from records.webhooks import Webhooks
from workers.temporal import free_port
from workflows.contract import Push

DELAYS = {"at once": 0.0, "after 200 ms": 0.2}
VAULT = Vault(bytes(32))
START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)
HERE = ("127.0.0.1",)


def receive(port: int) -> None:
    """Take everything, after as many seconds as the path says."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        await asyncio.sleep(float(scope["path"].rpartition("/")[2]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")


@contextmanager
def receiving() -> Iterator[str]:
    """The address of a receiver in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.webhooks", "--receive", str(port)])
    try:
        _wait_for(f"http://127.0.0.1:{port}/0")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            httpx.post(url)
            return
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


async def hospital(database: Database, clock: Clock) -> tuple[str, PersonVault]:
    """A hospital of a network, and somebody who is referred there: their id and their vault."""
    await migrate(database)
    async with database.begin() as session:
        await clock.drive(session, START)
        for id_, kind, parent in (("n", "network", None), ("h0", "hospital", "n")):
            session.add(Organisation(id=id_, kind=kind, name=kind, network_id="n", parent_id=parent))
            await session.flush()
        session.add(CareTeam(id="team-1", organisation_id="n", name="Team"))
        await session.flush()
        profile = Profile(family="Bench", given="Person", shown="Person Bench", born=date(1960, 1, 1), phone="+8613900000001")
        new = NewPatient(profile=profile, care_team_id="team-1", language="en", timezone="Asia/Shanghai")
        people = Patients(session, VAULT)
        patient, person = await people.add(new, at=START)
        return patient.id, person


async def change(database: Database, patient: str, person: PersonVault, requests: Sequence[str]) -> None:
    """A referral comes for each of ``requests``."""
    async with database.begin() as session:
        for request in requests:
            row = ReferralRow(
                patient_id=patient,
                key=request,
                id=request,
                referral=request,
                place_id="h0",
                urgency="routine",
                stage="requested",
                asked=START,
                changed=START,
                sealed=person.seal(f"referral/{request}", {"row": "HTN-R3"}),
            )
            await Feed(session).came(row, person)


async def bare(http: httpx.AsyncClient, url: str, count: int) -> None:
    """As many signed requests, and nothing else."""
    body = b"x" * 300

    async def one(_: int) -> None:
        answer = await http.post(url, content=body, headers={SIGNATURE: signature(("secret",), body, at=datetime.now(UTC))})
        answer.raise_for_status()

    await in_bulk(one, range(count), at_once=LANES)


async def measure(home: Path, base: str, count: int, blocks: int) -> str:
    """The table."""
    shown: list[figures.Figure] = []
    async with httpx.AsyncClient(timeout=30) as http:
        database, clock = Database.open(f"sqlite+aiosqlite:///{home / 'bench.db'}"), Clock()
        try:
            patient, person = await hospital(database, clock)
            activities = PushActivities(database, VAULT, clock, Reaching(http, HERE))
            for how, delay in DELAYS.items():
                url = f"{base}/{delay}"
                async with database.begin() as session:
                    hook, _ = await Webhooks(session).add(VAULT, "h0", url, wanted=(), by="bench", at=START)
                    push = Push(hook.id)
                theirs, ours = [], []
                for block in range(blocks + 1):
                    begun = time.monotonic()
                    await bare(http, url, count)
                    between = time.monotonic()
                    await change(database, patient, person, [f"{how}-{block}-{n}".replace(" ", "") for n in range(count)])
                    pushing = time.monotonic()
                    taken = 0
                    while taken < count:
                        taken += (await activities.push(push)).taken
                    if block:  # the first is to get warm
                        theirs.append(count / (between - begun))
                        ours.append(count / (time.monotonic() - pushing))
                name = f"receiver answers {how}: handed over"
                shown.append(figures.Figure(name, "a second", theirs, ours, more_is_better=True))
                async with database.begin() as session:
                    (await session.merge(hook)).status = "paused"
        finally:
            await database.close()
    return figures.table(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=400)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--receive", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        receive(options.receive)
        return
    where = machine()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder, receiving() as base:
        table = asyncio.run(measure(Path(folder), base, options.changes, options.blocks))
    print(f"**webhooks** ({options.blocks} blocks of {options.changes}; {where})\n\n{table}\n")


if __name__ == "__main__":
    main()
