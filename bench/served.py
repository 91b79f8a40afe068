"""The API over a filled database, in a process whose time is its own: ``python -m bench.served URL PORT``.

It is the application that ``cairn api`` serves, with the audit log it writes; Temporal is away, for nothing here wakes anybody.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

from activities.channels.port import Channel
from activities.channels.registry import Channels
from activities.enrolment import Enrolments
from activities.events import Events
from activities.plans import Plans
from api.app import ApiParts, create_app
from bench.filling import MASTER
from records.clock import Clock
from records.database import Database
from records.vault import Vault


class NoChannel:
    """Nobody is texted here."""

    name = "none"

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"a question of the benchmark wanted to text somebody ({name})")


def app_over(database: Database, *, channel: Channel | None = None) -> FastAPI:
    """The application, with the master key that filled the database."""
    vault, clock, plans = Vault(MASTER), Clock(), Plans()
    return create_app(
        ApiParts(
            database=database,
            vault=vault,
            clock=clock,
            plans=plans,
            events=Events(database, vault, clock),
            enrolments=Enrolments(database, vault, plans, clock),
            waker=None,
            housekeeping=None,
            channels=Channels.of(channel or NoChannel()),
        )
    )


def main() -> None:
    url, port = sys.argv[1:]
    uvicorn.run(app_over(Database.open(url)), host="127.0.0.1", port=int(port), log_config=None, access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
