"""What the editor asks while somebody types: what is wrong with the text, what it would mean, and a table's change put into it.

Rule: nothing is stored here; what checks is what the command and the API check with.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api.console.desk import N_, Desk, at
from api.console.forms import Form, wrong
from api.console.languages import translations
from api.console.pages.pathways.showing import BUSY, count, draft_of, looked_at, panel, tab_of, tally, typed
from api.definitions import diagnostics
from api.depends import Parts
from api.parts import ApiParts
from api.showing.findings import in_words
from pathways.language.rewriting import NotRewritten, Tables

router = APIRouter(include_in_schema=False)
Reads = Annotated[Desk, at("pathways.read")]
Drafting = Annotated[Desk, at("pathways.draft", looks=True)]

NOT_A_ROW = N_("This row is not there any more.")


@router.get("/pathways/{name}/drafts/{draft_id}/look")
async def look_at_draft(
    desk: Reads, parts: Parts, name: str, draft_id: str, show: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The same of the text as it was saved, for whoever only reads."""
    draft = await draft_of(parts, name, draft_id)
    return await _answer(desk, parts, draft["text"], show, edits=False)


@router.post("/pathways/{name}/drafts/{draft_id}/look")
async def look_at_text(desk: Drafting, parts: Parts, name: str, draft_id: str) -> Response:
    """What is wrong with the text as it is typed, each at its place, and one tab of what it would mean."""
    return await _answer(desk, parts, typed(desk.form), desk.form.text("show"), edits=True)


@router.post("/pathways/{name}/drafts/{draft_id}/table")
async def change_table(desk: Drafting, parts: Parts, name: str, draft_id: str) -> Response:
    """The text with one change of a decision table in it, or why it cannot be written so."""
    form = desk.form
    tables, table, index = Tables(typed(form)), form.text("table"), _index(form)
    try:
        match form.text("do"):
            case "set":
                text = tables.set_cell(table, index, form.text("cell"), form.text("value"))
            case "add":
                text = tables.add_row(table, index)
            case "delete":
                text = tables.delete_row(table, index)
            case "up" | "down" as where:
                text = tables.move_row(table, index, -1 if where == "up" else 1)
            case _:
                raise wrong("do", "There is no such change.")
    except NotRewritten as refused:
        return JSONResponse({"refused": in_words(str(refused), desk.language)})
    return JSONResponse({"text": text})


def _index(form: Form) -> int:
    try:
        return int(form.text("row"))
    except ValueError:
        raise wrong("row", NOT_A_ROW) from None


async def _answer(desk: Desk, parts: ApiParts, text: str, show: str, *, edits: bool) -> Response:
    found = await looked_at(parts, text)
    if found is None:
        return JSONResponse({"busy": translations(desk.language).gettext(BUSY)})
    outline, tab = found.outline, tab_of(show)
    given = panel(desk, outline, tab, edits=edits, stale=outline.get("calendar") is None)
    problems = diagnostics(found)
    answer: dict[str, Any] = {
        "diagnostics": [
            {**one.model_dump(), "what": in_words(one.what, desk.language), "remedy": in_words(one.remedy, desk.language)}
            for one in problems
        ],
        "names": outline.get("names", {}),
        "panel": _part(desk, "pathways/panel.html", **given),
        "problems": _part(
            desk, "pathways/problems.html", diagnostics=problems, counted=count(problems), clean=found.clean, found=found
        ),
        "scenarios": tally(outline),
        "stale": given["stale"] and tab in ("calendar", "map"),
        "clean": found.clean,
    }
    return JSONResponse(answer)


def _part(desk: Desk, template: str, **shown: Any) -> str:
    return bytes(desk.html(template, **shown).body).decode()
