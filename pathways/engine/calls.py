"""Calls that are made because a text may not have arrived: needed no more once it has.

Rule: a call that stands for anything else besides stays open; so does one that somebody has begun, put off or handed over.
"""

from __future__ import annotations

from collections.abc import Callable

from pathways.engine.commands import CloseTask
from pathways.engine.events import MessageArrived
from pathways.engine.state import changed
from pathways.engine.turn import Turn


def stands_for(turn: Turn, text: str, kind: str, opens: Callable[[], object]) -> None:
    """Note what ``opens`` opens, a task of this ``kind``, as standing for the text with this key."""
    before = next((task for task in turn.state.tasks.values() if task.kind == kind), None)
    opens()
    if before is not None and not before.texts:
        return  # it was open for something else
    for key, task in turn.state.tasks.items():
        if task.kind == kind:
            turn.state.tasks[key] = changed(task, texts=(*(before.texts if before is not None else ()), text))
            return


def begun(turn: Turn, task: str) -> None:
    """Somebody has it in hand: it is theirs to close."""
    turn.state.tasks[task] = changed(turn.state.tasks[task], texts=())


def arrived(turn: Turn, event: MessageArrived) -> None:
    """The text arrived after all: a call that nobody has begun, and that was for such texts alone, is not needed."""
    turn.because("message_arrived", key=event.key, detail={"to": event.to})
    for key, task in list(turn.state.tasks.items()):
        if event.key not in task.texts:
            continue
        left = tuple(text for text in task.texts if text != event.key)
        if event.begun or left:
            turn.state.tasks[key] = changed(task, texts=() if event.begun else left)
            continue
        del turn.state.tasks[key]
        turn.emit(CloseTask(key, "arrived"))
