"""``cairn doctor``: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from temporalio.client import Client
from temporalio.service import RPCError

from activities.waking import NotWoken
from workers.agreement import Agreement, Disagreement
from workers.doctor import Doctor, Finding, grave
from workers.parts import Parts
from workers.process import logged
from workers.settings import BadSetting, Settings
from workers.temporal import Door, connect, temporal_address

SHOWN = 5
CONNECTS_WITHIN = 5.0
WORDS = {
    "missing": (
        "patients live and have no workflow",
        "cairn doctor --deep --mend starts them (cairn recover for a lost cluster)",
    ),
    "orphans": ("workflows are of nobody, or of somebody who was forgotten", "cairn doctor --deep --mend ends them"),
    "otherwise": ("workflows tell another story than the patient's row", "cairn doctor --deep --mend wakes them"),
    "stuck": ("workflows fail in their code: those patients stand still", "docs/runbooks.md#workflow-tasks-fail"),
    "silent": ("workflows were not answered for by any worker", "cairn worker --queue patients"),
}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Prove that workflows and records agree; reads everything.")] = False,
    mend: Annotated[bool, typer.Option("--mend", help="With --deep: start, end and wake what disagrees.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --deep: compare every patient's story, not some.")] = False,
) -> None:
    """Say what is wrong with this installation and how to mend it; the exit code is 1 when care may suffer."""
    try:
        settings = Settings.read()
    except BadSetting as wrong:
        _say([Finding("settings", str(wrong), "cairn settings lists what there is")])
        raise typer.Exit(1) from None
    raise typer.Exit(asyncio.run(_doctor(settings, deep=deep or mend, mend=mend, every=every)))


async def _doctor(settings: Settings, *, deep: bool, mend: bool, every: bool) -> int:
    logged("doctor", settings, briefly=True)
    parts = Parts.make(settings)
    try:
        address = temporal_address(settings)
        client = await _client(parts, address)
        examined = Doctor(parts, client, address)
        findings = await examined.look()
        if deep and client is not None and not any(one.about == "database" for one in findings):
            findings += await _deep(parts, client, mend=mend, every=every)
        _say(findings)
        if not findings:
            print(f"nothing is wrong; looked at: {', '.join(examined.looked_at)}")
        return int(grave(findings))
    finally:
        await parts.close()


async def _client(parts: Parts, address: str) -> Client | None:
    settings = parts.settings
    door = Door.of(settings) if settings.temporal_address else Door()
    with suppress(RuntimeError, TimeoutError):
        return await asyncio.wait_for(connect(address, settings.namespace, parts.vault, door=door), CONNECTS_WITHIN)
    return None


async def _deep(parts: Parts, client: Client, *, mend: bool, every: bool) -> list[Finding]:
    agreement = Agreement(parts.database, client, sample=None if every else 50)
    try:
        found = await agreement.compare()
        print(f"compared {found.patients} patients with {found.workflows} workflows, and {found.compared} stories")
        if mend and not (found.none and not found.resting):
            print("mended: " + ", ".join(f"{what} {count}" for what, count in (await agreement.mend(found)).items()))
            found = await agreement.compare()
    except (RPCError, NotWoken) as away:
        return [Finding("agreement", f"Temporal went away ({type(away).__name__})", "docs/runbooks.md#temporal-unreachable")]
    return told(found)


def told(found: Disagreement) -> list[Finding]:
    """Findings of a comparison."""
    findings = []
    for name, (wrong, remedy) in WORDS.items():
        patients: Sequence[str] = getattr(found, name)
        if patients:
            some = ", ".join(patients[:SHOWN]) + (", ..." if len(patients) > SHOWN else "")
            findings.append(Finding("agreement", f"{len(patients)} {wrong}: {some}", remedy))
    if found.resting:
        wrong = f"{len(found.resting)} workflows rest: their patients' care has ended"
        findings.append(Finding("agreement", wrong, "no harm; cairn doctor --deep --mend ends them", grave=False))
    return findings


def _say(findings: Sequence[Finding]) -> None:
    for one in sorted(findings, key=lambda finding: not finding.grave):
        print(f"{'WRONG' if one.grave else 'note '} {one.about}: {one.wrong}\n      mend: {one.remedy}")
