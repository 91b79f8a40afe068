"""Who is refused reads why in their own language, and on a page: nobody at work should meet a line for programs."""

from __future__ import annotations

import pytest

from api.console.refusals import KNOWN, LIKE, told
from tests.api.conftest import Network
from tests.console.catalogues import TRANSLATED

#: What the API says, and what stands on the page: with a number or a name in it.
SAID = {
    "A health_manager may not do this; it takes one of: administrator.": (
        "Su función no permite hacer esto. Consulte a quien administra Cairn."
    ),
    "String should have at most 500 characters": "500 caracteres como máximo.",
    "This task is claimed by Li Na; to take it from them send take_over: true.": "Li Na ya tiene esta tarea. Asúmala primero.",
    "Input should be less than or equal to 730": "730 como máximo.",
    "a refusal that nobody has met yet": "a refusal that nobody has met yet",
}


def test_a_refusal_is_said_in_the_readers_language_with_what_it_names() -> None:
    assert {text: told(text, "es") for text in SAID} == SAID
    for language in TRANSLATED:
        assert all(told(text, language) != text for text in KNOWN), language
    assert "health_manager" not in told(next(iter(SAID)), "en"), "a code is no word on a page, in English either"
    assert len({pattern for pattern, _ in LIKE}) == len(LIKE)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "此網址沒有內容。"),
        ("/today?on=yesterday", 422, "網址中有無法辨識的內容。"),
        ("/patients/nobody", 404, "您可查看的範圍內沒有這筆紀錄。"),
        ("/admin/people", 403, "您的角色沒有此權限。"),
    ],
)
async def test_an_address_that_leads_nowhere_is_answered_with_a_page(network: Network, path: str, status: int, said: str) -> None:
    await network.http.get("/?key=manager")
    asked = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "zh-TW"}
    answer = await network.http.get(path, headers=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert said in answer.text
    machine = await network.http.get("/api/v1/nowhere", headers=asked)
    assert machine.headers["content-type"] == "application/problem+json"
