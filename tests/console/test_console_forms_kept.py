"""What is written into a form of the console is stored, once, on either kind of database: PostgreSQL refuses more than SQLite."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import func, select

from records.database import Database
from records.tables import EventRow
from tests.api.conftest import a_network


async def test_a_visit_and_a_pause_are_stored_once_however_often_they_are_sent(database: Database, tmp_path: Path) -> None:
    async with a_network(database, tmp_path) as network:
        patient = await network.enrol()
        await network.http.get("/", params={"key": "manager"}, follow_redirects=True)

        async def stored() -> int:
            async with database.reading() as session:
                return await session.scalar(select(func.count()).where(EventRow.patient_id == patient)) or 0

        for path, filled in (("visit", {"r.sbp": "128", "r.dbp": "78"}), ("life/hospitalised", {})):
            before = await stored()
            shown = (await network.http.get(f"/patients/{patient}/{path}")).text
            own = {name: re.findall(rf'name="{name}" value="([^"]+)"', shown)[-1] for name in ("csrf", "once")}
            for _ in range(2):
                answer = await network.http.post(f"/patients/{patient}/{path}", data=own | filled)
                assert answer.status_code == 303, answer.text
            assert await stored() == before + 1, path
