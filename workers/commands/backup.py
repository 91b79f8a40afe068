"""``cairn backup`` and ``cairn restore``."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from workers.backup import back_up
from workers.backup import restore as bring_back
from workers.chores import BACKUP
from workers.keeping import note
from workers.parts import Parts
from workers.process import logged
from workers.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(to: Annotated[Path, typer.Argument(help="A folder; each backup is a new folder in it.")]) -> None:
    """Copy the database while it is in use, open the copy, write down what it holds. The master key is not in it."""
    asyncio.run(_backup(Settings.read(), to))


async def _backup(settings: Settings, to: Path) -> None:
    logged("backup", settings, briefly=True)
    parts = Parts.make(settings)
    try:
        now = datetime.now(UTC)
        folder, manifest = await back_up(parts.database, to, now=now)
        async with parts.database.begin() as session:
            await note(session, BACKUP, f"bytes {manifest.size}, patients {manifest.counts['patient']}", now=now)
        print(f"{folder}: {manifest.counts['patient']} patients, {manifest.size / 1e6:.1f} MB, opened and counted")
        print("The master key is not in it; keep that apart. Without it nobody's data opens again.")
    finally:
        await parts.close()


def restore(folder: Annotated[Path, typer.Argument(help="The folder of one backup.")]) -> None:
    """Bring a backup back into an empty database; then run: cairn db upgrade, and cairn recover."""
    asyncio.run(_restore(Settings.read(), folder))


async def _restore(settings: Settings, folder: Path) -> None:
    logged("restore", settings, briefly=True)
    parts = Parts.make(settings)
    try:
        manifest = await bring_back(parts.database, folder, master=parts.vault.name)
        print(f"{manifest.counts['patient']} patients are back, as of {manifest.made}, revision {manifest.revision}")
        print("Next: cairn db upgrade, then cairn recover (where Temporal's memory is not of the same moment), then cairn doctor")
    finally:
        await parts.close()
