"""What a record system expects of any FHIR server, asked by one that we did not write: sekmet's own ``conformance_smoke``."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from records.database import Database
from tests.api.conftest import a_network
from tests.api.serving import served
from tests.clients.others import python

#: What this door does not offer and says so, so that sekmet does not ask: one version of a Patient is kept, no XML, no DELETE.
NOT_OFFERED = {9: "vread", 10: "history-instance", 14: "xml", 17: "delete", 18: "delete"}
STEPS = 18


async def test_a_record_system_finds_here_what_it_expects_of_a_fhir_server(fresh_sqlite: Path, tmp_path: Path) -> None:
    sekmet, settings, file = python("sekmet"), tmp_path / "settings.yaml", tmp_path / "cairn.db"
    shutil.copy(fresh_sqlite, file)
    database = Database.open(f"sqlite+aiosqlite:///{file}")
    async with a_network(database, tmp_path) as network, served(replace(network.parts, public_url="")) as serving:
        await network.move_to("2099-01-01T00:00:00Z")  # sekmet says by a clock of its own when it measured: never ahead of ours
        peer = {"base_url": f"{serving.url}/fhir", "auth": {"type": "bearer", "token": "coordinator"}}
        settings.write_text(json.dumps({"data_dir": str(tmp_path), "peers": {"cairn": peer}}), "utf-8")
        process = await asyncio.create_subprocess_exec(
            sekmet, "scenario", "run", "conformance_smoke", "--peer", "cairn",
            "--config", str(settings), "--report-dir", str(tmp_path / "reports"), "--no-serve",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        out, _ = await process.communicate()
    await database.close()
    assert (process.returncode, b"WARNING" in out) == (0, False), out.decode()[-5000:]
    (report,) = (tmp_path / "reports").rglob("*.xml")
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    skipped = {n: str(part.get("message")) for n, case in enumerate(cases, 1) for part in case if part.tag != "system-out"}
    assert (len(cases), skipped.keys()) == (STEPS, NOT_OFFERED.keys()), out.decode()
    assert all(NOT_OFFERED[n] in why for n, why in skipped.items()), skipped
