"""The arithmetic of the benchmarks: billable actions, medians of interleaved blocks, one line a figure. Nothing runs in here.

Rule 1: a ratio is taken block by block and its median is shown, so that a machine that slows down slows both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

LOCAL_ACTIVITY = "core_local_activity"
ONE_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start",  # a continue-as-new is the start of the next run
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
}


def billable_actions(events: Iterable[HistoryEvent]) -> Counter[str]:
    """Actions by kind, as Temporal Cloud bills them: each activity attempt is one, all local activities of one workflow task
    are one together. What leaves no event (queries, heartbeats) is not seen.
    """
    counts: Counter[str] = Counter()
    tasks_with_local: set[int] = set()
    for event in events:
        if (kind := ONE_EACH.get(event.event_type)) is not None:
            counts[kind] += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            counts["activity"] += max(1, event.activity_task_started_event_attributes.attempt)
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name == LOCAL_ACTIVITY:
                tasks_with_local.add(marker.workflow_task_completed_event_id)
    if tasks_with_local:
        counts["local activities"] = len(tasks_with_local)
    return counts


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over interleaved blocks. ``aim`` is the ratio that was aimed at; ``more_is_better`` says on which side."""

    name: str
    unit: str
    bare: Sequence[float]
    cairn: Sequence[float]
    aim: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Cairn to bare: the median of the blocks' own ratios."""
        return median(ours / theirs for ours, theirs in zip(self.cairn, self.bare, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the aim was met; None where there is none."""
        if self.aim is None:
            return None
        return self.ratio >= self.aim if self.more_is_better else self.ratio <= self.aim

    def line(self) -> str:
        """One row of a table in Markdown: figure, bare, Cairn, ratio with its spread, aim."""
        ratios = sorted(ours / theirs for ours, theirs in zip(self.cairn, self.bare, strict=True))
        spread = f" ({ratios[0]:.2f} to {ratios[-1]:.2f})" if len(ratios) > 1 else ""
        aim = "" if self.aim is None else f"{'≥' if self.more_is_better else '≤'} {self.aim:g}: {'met' if self.met else 'missed'}"
        cells = (f"{self.name}, {self.unit}", shown(median(self.bare)), shown(median(self.cairn)), f"{self.ratio:.2f}{spread}", aim)
        return "| " + " | ".join(cells) + " |"


def table(figures: Iterable[Figure]) -> str:
    """All figures as a table in Markdown."""
    head = ["| | bare | Cairn | ratio (blocks) | aim |", "|---|---:|---:|---:|---|"]
    return "\n".join([*head, *(figure.line() for figure in figures)])


def shown(value: float) -> str:
    """Three figures that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
