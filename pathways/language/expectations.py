"""What a story's author expected against what came of it.

Rule: only what is named is compared; an empty list means "none at all".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathways.engine import State
from pathways.engine.plan import Pathway, Plan
from pathways.language.scenarios import Expect


def unmet(plan: Plan, state: State, rows: Sequence[str], sent: Sequence[str], expect: Expect) -> list[str]:
    """What is otherwise than expected, in words."""
    tags = [course.tag for course in state.courses.values()]
    decided = _decision(plan, rows[-1]) if rows else None
    found: dict[str, object] = {
        "row": rows[-1] if rows else None,
        "decision": decided,
        "tag": _worst(plan.pathways.values(), tags),
        "status": state.life,
        "reach": state.reach,
    }
    wrong = [
        f"{name}: expected {getattr(expect, name) or 'none'}, found {found[name] or 'none'}"
        for name in ("row", "decision", "tag", "status", "reach")
        if name in expect.given and getattr(expect, name) != found[name]
    ]
    dues = {name: occurrence.due for course in state.courses.values() for name, occurrence in course.services.items()}
    for name, day in expect.due.items() if "due" in expect.given else ():
        if dues.get(name) != day:
            wrong.append(f"due: {name} expected {day or 'not at all'}, found {dues.get(name) or 'not at all'}")
    for name, wanted, there in (
        ("sent", expect.sent, sent),
        ("tasks", expect.tasks, [task.kind for task in state.tasks.values()]),
    ):
        if name in expect.given and ((set(wanted) - set(there)) or (not wanted and there)):
            wrong.append(f"{name}: expected {', '.join(wanted) or 'none'}, found {', '.join(there) or 'none'}")
    return wrong


def _decision(plan: Plan, row: str) -> str | None:
    tables = [table for pathway in plan.pathways.values() for table in pathway.tables.values()]
    return next((one.decision for table in tables for one in table.rows if one.id == row), None)


def _worst(pathways: Iterable[Pathway], tags: Iterable[str | None]) -> str | None:
    order = [tag for pathway in pathways for tag in pathway.tags]
    return min((tag for tag in tags if tag in order), key=lambda tag: order.index(tag), default=None)
