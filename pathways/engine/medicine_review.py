"""Whether the medicines a patient is known to have go together, and with what is known of the patient.

Rule 1: a finding that is new opens one task for a doctor; one that stays is not told again, one that comes back is.
Rule 2: that something is not known is put down and opens no task: the pathways ask for their readings themselves.
"""

from __future__ import annotations

from pathways.engine import events
from pathways.engine.at_home import taken_by
from pathways.engine.events import AnyEvent
from pathways.engine.medication import Finding, Taken, findings, known_of
from pathways.engine.state import ENDED
from pathways.engine.turn import Turn

_LONG = frozenset({"classes", "twice", "known", "starting"})  # lists of codes, which tell nobody anything

#: What may bring something new about medicines. A reading from home holds none that the tables ask for.
TELLING = (
    events.Enrolled,
    events.Dispensed,
    events.VisitCompleted,
    events.ServiceCompleted,
    events.ReadingReceived,
    events.PersonChanged,
    events.PathwaysChanged,
)


def review(turn: Turn, event: AnyEvent) -> None:
    """Let the checks of the plan look at what the patient takes, when ``event`` may have changed it."""
    checks = turn.plan.checks
    if checks is None or not isinstance(event, TELLING) or turn.state.life in ENDED:
        return
    taken = taken_by(turn, event)
    if not taken:
        turn.state.medicine_findings = ()
        return
    today, state = turn.today, turn.state
    found = findings(checks, taken, state.person, known_of(state.readings, today), on=today)
    for finding in found:
        if finding.name not in state.medicine_findings:
            _tell(turn, finding, taken)
    state.medicine_findings = tuple(dict.fromkeys(finding.name for finding in found))


def _tell(turn: Turn, finding: Finding, taken: list[Taken]) -> None:
    row, unknown = finding.row, finding.row.incomplete
    key = ""
    for spec in () if unknown else finding.decision.open_tasks:
        key = turn.open_task(spec)
    turn.because(
        "medicine_finding",
        row=row.id,
        decision=finding.word,
        key=key,
        held_back="readings_missing" if unknown else "",
        inputs={name: value for name, value in finding.inputs.items() if name not in _LONG},
        missing=finding.missing,
        because=dict(row.because),
        cites=row.cites or row.basis,
        detail={"finding": finding.word, "medicines": ", ".join(one.name for one in taken)},
    )
