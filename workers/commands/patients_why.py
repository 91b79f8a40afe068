"""``cairn patients why``: why something was done for a patient, or was not, in plain sentences.

Rule: it reads one record, and that is written down in the audit log like every other look.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Annotated

import typer

from api.asking import asked
from api.problems import Problem
from api.showing.rolled import rolled
from api.showing.why import sentences, show_why
from pathways.forecast.why import Question
from records.database import check_ready
from records.scope import Scope
from workers.commands.access import OPERATOR, written_down
from workers.commands.languages import Language
from workers.parts import Parts
from workers.settings import BadSetting, Settings

patients = typer.Typer(no_args_is_help=True, help="What is done for a patient, and why.")


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(patients, name="patients")


@patients.callback()
def _group() -> None:
    """So that the one command keeps its name."""


@patients.command()
def why(
    patient: Annotated[str, typer.Argument(help="The patient's id.")],
    service: Annotated[str, typer.Option(help="Such as follow_up, annual_exam, medicine.")] = "",
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Past or ahead, where the patient lives.")] = None,
    message: Annotated[str, typer.Option(help="A text's name, such as visit_soon, or its key.")] = "",
    referral: Annotated[str, typer.Option(help="A referral's key, or its service, such as to_hospital.")] = "",
    pathway: Annotated[str, typer.Option(help="Only of this pathway.")] = "",
    language: Language = "en",
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer, as the API gives it.")] = False,
) -> None:
    """Which version, row and inputs stand behind it; and where nothing happens, what holds it back."""
    question = Question(service, day.date() if day else None, message, referral, pathway)
    print(asyncio.run(_answered(patient, question, language, as_json=as_json)))


async def _answered(patient: str, question: Question, language: str, *, as_json: bool) -> str:
    parts = Parts.make(Settings.read())
    try:
        await check_ready(parts.database)
        async with written_down(parts, "patients.read"), parts.database.reading() as session:
            stands = await asked(session, parts, Scope(OPERATOR), patient)
            answer = stands.why(question)
            shown = show_why(answer, question, stands.at.plan, patient, language, await rolled(session, answer.happened))
    except Problem as refused:
        raise BadSetting(f"{patient}: {refused.detail}") from None
    finally:
        await parts.close()
    return (
        json.dumps(shown.model_dump(mode="json"), ensure_ascii=False, indent=2)
        if as_json
        else "\n".join(sentences(shown, language))
    )
