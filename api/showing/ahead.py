"""A preview and a plan in the words of the reader's language; a preview's reasons are the timeline's own lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from api.models.story import (
    AheadOut,
    DueMoveOut,
    PlanOut,
    PreviewOut,
    ReferralAhead,
    RefillAhead,
    TagMoveOut,
    TaskAhead,
    TaskEndedOut,
    TextAhead,
)
from api.showing.story import timeline_line
from api.showing.words import about, called, in_language, listed, texts, word
from pathways.engine.plan import Plan
from pathways.forecast.planned import Planned
from pathways.forecast.preview import Preview
from records.timeline import Line

MOST = 400  # items of a plan; a year of weekly visits with every reminder is below it
BEFORE = 0  # the number of a step that was not taken


def show_preview(seen: Preview, language: str) -> PreviewOut:
    """What recording it would decide."""
    return PreviewOut(
        life_before=seen.life_before,
        life_after=seen.life_after,
        tags=[TagMoveOut(pathway=tag.pathway, before=tag.before, after=tag.after) for tag in seen.tags],
        dues=[
            DueMoveOut(pathway=due.pathway, service=due.service, before=due.before, after=due.after, booked=due.booked)
            for due in seen.dues
        ],
        reasons=[timeline_line(Line(BEFORE, reason), language) for reason in seen.reasons],
        messages=[TextAhead(to=m.to, templates=list(m.templates), when=m.when, urgent=m.urgent) for m in seen.messages],
        opened=[
            TaskAhead(
                kind=task.kind,
                what=word("tasks", task.kind, language),
                by=task.by,
                due=task.due,
                pathway=task.pathway,
                service=task.service,
                urgent=task.urgent,
            )
            for task in seen.opened
        ],
        closed=[TaskEndedOut(kind=t.kind, what=word("tasks", t.kind, language), why=t.why) for t in seen.closed],
        referrals=[
            ReferralAhead(pathway=r.pathway, to=r.to, urgency=r.urgency, row=r.row, waits=r.waits, confirm_by=r.confirm_by)
            for r in seen.referrals
        ],
        refills=[RefillAhead(medicine=r.medicine, runs_out=r.runs_out) for r in seen.refills],
    )


def show_plan(planned: Sequence[Planned], plan: Plan, *, since: date, until: date, language: str) -> PlanOut:
    """What lies ahead, and what was assumed to see it."""
    return PlanOut(
        since=since,
        until=until,
        assuming=in_language(texts()["ahead"]["assuming"], language),
        items=[show_ahead(one, plan, language) for one in planned[:MOST]],
        more=max(0, len(planned) - MOST),
    )


def show_ahead(one: Planned, plan: Plan, language: str) -> AheadOut:
    """One thing that lies ahead."""
    return AheadOut(
        day=one.day,
        kind=one.kind,
        what=_what(one, plan, language),
        why=in_language(texts()["ahead"][one.why], language),
        code=one.why,
        pathways=list(one.pathways),
        services=list(one.services),
        collects=list(one.collects),
        about=one.about,
    )


def _what(one: Planned, plan: Plan, language: str) -> str:
    """``Visit: Follow-up visit``; a call or a task by its own name."""
    if one.kind in ("call", "task"):
        return word("tasks", one.about, language)
    said = in_language(texts()["ahead"][one.kind], language)
    what = one.about if one.kind == "refill" else listed(_titles(one, plan, language), language)
    return about(said, what, language) if what else said


def _titles(one: Planned, plan: Plan, language: str) -> list[str]:
    services = {
        service.name: called(service.title, service.name, language)
        for name in one.pathways
        if (pathway := plan.pathways.get(name)) is not None
        for service in pathway.services.values()
    }
    return list(dict.fromkeys(services.get(name) or word("words", name, language) for name in one.services))
