"""A centre's list is enrolled from one file: nobody before the rows were seen, nobody twice, and what was not taken comes back."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from api.console.forms import csrf_token
from api.rostering import MOST_ROWS, Unreadable, cells_of
from tests.api.conftest import Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen

ROWS = """identifier,name,born,phone,conditions,last_visit,bp,care_team,mood
B-1,Li Ming,1950-01-01,13812340001,hypertension,2025-02-20,152/88,team-1,good
B-2,=cmd|calc,1951-02-02,,hypertension,,,team-1,
B-3,Wu Wei,01/02/1951,,hypertension,,,team-1,
B-1,Li Ming,1950-01-01,,hypertension,,,team-1,
B-4,Sun Li,1952-03-03,,gout,,,team-1,
B-5,Zhao Yan,1953-04-04,,hypertension,,,nowhere,
A-1,Wang,1960-05-01,,hypertension,,,team-1,
"""


async def send(network: Network, content: bytes, key: str = "coordinator", **form: Any) -> httpx.Response:
    """The file as a browser sends it."""
    files = {"file": ("people with names.csv", content, "text/csv")}
    data = {"csrf": csrf_token(key), **form}
    return await network.http.post("/patients/roster", data=data, files=files, headers={"Cookie": f"cairn_key={key}"})


async def went_on(network: Network, path: str, key: str = "coordinator") -> str:
    """Pressed until it is finished; answers the page."""
    mine = {"Cookie": f"cairn_key={key}"}
    for _ in range(4):
        await network.http.post(f"{path}/go", data={"csrf": csrf_token(key)}, headers=mine)
    return (await network.http.get(path, headers=mine)).text


async def enrolled(network: Network) -> set[str]:
    """Everybody's names."""
    return {one["name"] for one in (await network.get("/patients", "coordinator")).json()["items"]}


async def test_every_row_is_told_of_before_anybody_is_enrolled_and_nobody_is_enrolled_twice(network: Network) -> None:
    await network.enrol()
    before = await enrolled(network)
    mine = {"Cookie": "cairn_key=coordinator"}
    sent = await send(network, ROWS.encode())
    path = sent.headers["location"]
    page = (await network.http.get(path, headers=mine)).text
    assert await enrolled(network) == before, "checked is not enrolled"
    told = re.findall(r'class="figure">(\d+)</th><td>([^<]*)</td>', page)
    assert [row for row, _ in told[:4]] == ["4", "5", "6", "7"]
    for what in ("column born", "the same person as row 2", "no pathway is for this person", "column care_team: &#39;nowhere&#39;"):
        assert what in page
    assert "column &#39;mood&#39; is not used" in page, "what is not understood is said"
    left = await network.http.get(f"{path}/left.csv", headers=mine)
    rows = list(csv.reader(io.StringIO(left.text.removeprefix("\ufeff"))))
    assert [row[0] for row in rows] == ["identifier", "B-3", "B-1", "B-4", "B-5"]
    assert rows[0][-1] == "not taken because"
    assert (await network.http.get(path, headers={"Cookie": "cairn_key=manager"})).status_code == 404, "for its sender alone"
    page = await went_on(network, path)
    assert "What came of it" in page
    assert await enrolled(network) == {*before, "Li Ming", "=cmd|calc"}
    again = await send(network, ROWS.encode())
    assert "There is nobody to enrol in this file" in (await network.http.get(again.headers["location"], headers=mine)).text
    mended = left.text.replace("01/02/1951", "1951-02-01").replace("nowhere", "team-2").replace("gout", "hypertension")
    fixed = await send(network, mended.encode())
    await went_on(network, fixed.headers["location"])
    assert {"Wu Wei", "Sun Li", "Zhao Yan"} <= await enrolled(network)
    entries = (await network.get("/audit", "auditor", limit=200)).json()["items"]
    gone_on = [one for one in entries if one["action"] == "patients.enrol" and one["patients"]]
    assert sum(len(one["patients"]) for one in gone_on) >= 5, "everybody who was enrolled stands in the log"
    assert "Li Ming" not in str(entries)


async def test_a_manager_enrols_into_their_own_team_only_and_a_chinese_export_is_read(network: Network) -> None:
    mine = {"Cookie": "cairn_key=manager"}
    rows = "档案号;姓名;出生日期;疾病;团队\nC-1;王秀英;1950年1月1日;高血压;\nC-2;李明;1951-01-01;高血压;team-3\n"
    for content in (rows.encode("gb18030"), b"\xef\xbb\xbf" + rows.replace("C-", "D-").replace(";", "\t").encode()):
        sent = await send(network, content, "manager")
        page = (await network.http.get(sent.headers["location"], headers=mine)).text
        assert ("Enrol one person" in page, "is not among your care teams" in page) == (True, True)
        await went_on(network, sent.headers["location"], "manager")
    assert "time zone" not in page, "where nobody says, they live where their team works"
    listed = (await network.get("/patients", "manager")).json()["items"]
    assert [(one["name"], one["care_team"]) for one in listed] == [("王秀英", "team-1")] * 2
    foreign = await send(network, b"identifier,born\nE-1,1950-01-01\n", "manager", team="team-3")
    assert foreign.status_code == 404
    assert (await send(network, b"identifier,born\nE-1,1950-01-01\n", "supervisor")).status_code == 403
    for content, what in ((b"", "Choose a file"), (b"PK\x03\x04", "a spreadsheet"), (b"name\nx\n", "no column for the birth date")):
        refused = await send(network, content, "manager")
        assert (refused.status_code, what in refused.text) == (422, True), what


async def test_what_is_wrong_with_a_row_is_said_in_the_readers_language_and_its_file_is_taken_back(network: Network) -> None:
    await network.enrol()
    said = {
        "es": ("columna born: &#39;01/02/1951&#39; no es un día", "la misma persona que la fila 2", "No se inscribió porque"),
        "zh-Hans": ("born 列：&#39;01/02/1951&#39; 不是日期", "与第 2 行是同一个人", "未登记原因"),
        "zh-Hant": ("born 欄：&#39;01/02/1951&#39; 不是日期", "與第 2 列是同一個人", "未登記原因"),
    }
    for language, (day, twice, because) in said.items():
        mine = {"Cookie": f"cairn_key=coordinator; cairn_language={language}"}
        path = (await send(network, ROWS.encode())).headers["location"]
        page = (await network.http.get(path, headers=mine)).text
        assert (day in page, twice in page) == (True, True), language
        assert re.findall(r"<td>column [^<]*</td>|<td>no pathway[^<]*</td>", page) == [], "English is left"
        left = (await network.http.get(f"{path}/left.csv", headers=mine)).text
        rows = list(csv.reader(io.StringIO(left.removeprefix("\ufeff"))))
        assert rows[0][-1] == because.lower()
        mended = left.replace("01/02/1951", "1951-02-01")
        again = (await network.http.get((await send(network, mended.encode())).headers["location"], headers=mine)).text
        assert because.lower() not in again, "the column of reasons is ours, in whichever language"
        refused = await network.http.post(
            "/patients/roster",
            data={"csrf": csrf_token("coordinator")},
            files={"file": ("people.csv", b"name\nx\n", "text/csv")},
            headers=mine,
        )
        assert (refused.status_code, "no column for" in refused.text) == (422, False)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"identifier,born\n" + b"x,1950-01-01\n" * (MOST_ROWS + 1), "more than"),
        (b"x" * 1_000_000, "larger than"),
        (b"\xff\xff\xff", "neither UTF-8"),
        (b"\n\n", "empty"),
    ],
)
def test_a_file_that_cannot_be_a_list_is_refused_as_a_whole(content: bytes, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        cells_of(content)


async def test_a_list_goes_through_while_the_page_is_open(network: Network, browser: Browsing) -> None:
    page = await browser.person("coordinator")
    await page.goto("/patients")
    await page.get_by_role("link", name="Enrol a list").click()
    await accessible(page)
    await seen(page, "patients-roster")
    rows = "".join(f"F-{n},Person {n},1950-01-01,hypertension,team-1\n" for n in range(30)) + "G-0,Person 0,1950-01-01,,team-1\n"
    content = f"identifier,name,born,conditions,care_team\n{rows}".encode()
    await page.get_by_label("CSV file").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": content})
    await page.get_by_role("button", name="Check the file").click()
    await expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    await accessible(page)
    await seen(page, "patients-roster-found")
    await page.get_by_role("button", name="Enrol 30 people").click()
    await expect(page.get_by_role("heading", name="What came of it")).to_be_visible(timeout=30_000)
    await expect(page.locator(".stat.green b")).to_have_text("30")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download what was not taken").click()
    path = await (await downloading.value).path()
    assert "no pathway is for this person" in path.read_text(encoding="utf-8-sig")
    phone = await browser.person("coordinator", viewport=PHONE, language="zh-Hans", theme="dark")
    await phone.goto(page.url)
    await fits(phone)
    await accessible(phone)
