"""Whoever administers Cairn reads what housekeeping did in words, and what to do where a count is not as it should be."""

from __future__ import annotations

import inspect
import re

import pytest

from activities.seeing.counting import WHAT
from api.console.pages.admin.jobs import COUNTS, JOBS, counts_of
from records.clock import system_time
from records.tables import JobRow
from tests.api.conftest import Network
from workers.chores import BACKUP, EVERY, Chores
from workers.commands import backup

WORDS = {
    "en": "people of whom something was told that is not acted on yet",
    "es": "personas con algo comunicado que aún no se ha tratado",
    "zh-Hans": "有新记录但尚未处理的人",
    "zh-Hant": "有新紀錄但尚未處理的人",
}


def test_every_job_and_every_count_that_it_writes_has_words() -> None:
    assert set(JOBS) == {*EVERY, BACKUP}
    written = {("count", name) for name in WHAT}
    for job in EVERY:
        for said in re.findall(r'return f"(.*)"', inspect.getsource(getattr(Chores, job))):
            written |= {(job, name) for name in re.findall(r"([a-z][a-z ]*) \{", said)}
    written |= {(BACKUP, name) for name in re.findall(r"([a-z]+) \{", re.findall(r'BACKUP, f"(.*)"', inspect.getsource(backup))[0])}
    assert {one for one in COUNTS if one[0] != "doubts"} == written


def test_only_what_is_not_as_it_should_be_comes_with_a_remedy() -> None:
    late, due = counts_of("count", "untaken_events 12, overdue 0")
    assert (late.count, "cairn doctor" in late.remedy) == (12, True)
    assert (due.count, due.remedy) == (0, "")
    assert counts_of("expire", "done") == []
    (strange,) = counts_of("an older job", "something else")
    assert (strange.what, strange.count) == ("something else", None), "nothing is left out"


@pytest.mark.parametrize("language", WORDS)
async def test_health_says_no_name_of_the_code(network: Network, language: str) -> None:
    said = {"count": "untaken_events 3, overdue 0, unknown 0", "audit": "entries 4, chains 1, witnessed 1", "expire": "done"}
    async with network.parts.database.begin() as session:
        session.add_all([JobRow(name=name, succeeded=system_time(), said=text) for name, text in said.items()])
    page = await network.http.get("/admin", headers={"Cookie": f"cairn_key=administrator; cairn_language={language}"})
    assert WORDS[language] in page.text
    assert "cairn doctor" in page.text
    for name in ("untaken_events", "witnessed", ">audit<", ">count<"):
        assert name not in page.text, name
