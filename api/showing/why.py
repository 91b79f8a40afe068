"""An answer to why, or why not, in the words of the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from api.models.story import TimelineLine
from api.models.why import WhyOut
from api.showing.ahead import show_ahead
from api.showing.rolled import NO_ROLLOUTS, Rolled
from api.showing.story import timeline_line
from api.showing.words import Titles, in_language, texts, word
from pathways.engine.plan import Plan, Text
from pathways.forecast.why import Answer, Question
from records.timeline import Line

NOW = 0  # the number of a step that was not taken


def show_why(
    answer: Answer, question: Question, plan: Plan, patient_id: str, language: str, rollouts: Mapping[str, Rolled] = NO_ROLLOUTS
) -> WhyOut:
    """The answer as the API gives it; services are called as their pathway calls them. ``rollouts``: whose doing moves were."""
    titles = _titles(plan)
    return WhyOut(
        patient_id=patient_id,
        service=question.service,
        day=question.day,
        message=question.message,
        referral=question.referral,
        pathway=question.pathway,
        held_back=list(answer.held_back),
        stands=[timeline_line(Line(NOW, reason), language, titles) for reason in answer.stands],
        happened=[timeline_line(Line(NOW, reason), language, titles, rollouts) for reason in answer.happened],
        ahead=[show_ahead(one, plan, language) for one in answer.ahead],
        assuming=in_language(texts()["ahead"]["assuming"], language),
    )


def _titles(plan: Plan) -> Titles:
    """By the version that a reason names, where it is at hand, else by the one that is followed."""

    def title(pathway: str, version: str, service: str) -> Text:
        for one in (plan.versions.get(version), plan.pathways.get(pathway)):
            if one is not None and one.name == pathway and service in one.services:
                return one.services[service].title
        return {}

    return title


def sentences(shown: WhyOut, language: str) -> Iterator[str]:
    """The answer in plain sentences, for a terminal: how it stands, what happened, what lies ahead."""
    for line in shown.stands:
        yield from _told(line, language)
    if shown.happened:
        yield f"\n{word('why', 'happened', language)}"
        for line in shown.happened:
            told = list(_told(line, language))
            yield f"  {line.at:%Y-%m-%d %H:%M} UTC  {told[0]}"
            yield from (f"  {' ' * 22}{more}" for more in told[1:])
    if shown.ahead:
        yield f"\n{word('why', 'ahead', language)}"
        yield from (f"  {one.day}  {one.what} ({one.why})" for one in shown.ahead)


def _told(line: TimelineLine, language: str) -> Iterator[str]:
    """One line, and below it the version and row that it rests on, with the citation; what was read is in the line of the row."""
    yield line.text
    if line.row and line.version:
        rests = {"row": f"{line.pathway} {line.row}", "version": line.version[:12], "cites": line.cites}
        yield "  " + ", ".join(f"{word('why', name, language)} {said}" for name, said in rests.items() if said)
