"""What housekeeping did last, in words: its jobs write names and counts (``untaken_events 0, overdue 0``) for tools.

Rule: a count that should be 0 and is not comes with what to do; what nobody has put into words is shown as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from api.console.desk import N_

NONE = frozenset({"none", "done"})
_COUNT = re.compile(r"([a-z][a-z_ ]*) (\d+)")

JOBS: Mapping[str, str] = {
    "push": N_("Tell other systems of changes"),
    "wake": N_("Wake whoever was not woken"),
    "count": N_("Count what waits"),
    "doubts": N_("Ask what became of texts"),
    "start": N_("Begin again where texts wait"),
    "rollouts": N_("Follow the rollouts"),
    "closures": N_("Tell who is booked on a closed day"),
    "alerts": N_("Tell of alerts"),
    "messages": N_("Compare texts due and sent"),
    "ahead": N_("Foresee the work ahead"),
    "figures": N_("Count the overview"),
    "usage": N_("Count what texts cost"),
    "expire": N_("Delete what is not needed any more"),
    "integrity": N_("Look whether records hold"),
    "audit": N_("Verify the audit log"),
    "backup": N_("Backup"),
}
_WORKERS = N_("If it stays so: see that worker processes run (“cairn doctor”), and start what is missing; then it is made up for.")
_DOUBT = N_("Nothing is sent again on a guess: the provider is asked every minute for three days. Its status page may say why.")
_RECORDS = N_("Run “cairn doctor --deep” where Cairn is installed: it names the records and what mends them.")

#: By job and the name that it writes: what is counted, and what to do where it is not 0; "" where any number is right.
COUNTS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("push", "begun"): (N_("receivers to be told"), ""),
    ("wake", "woken"): (N_("people woken late"), _WORKERS),
    ("count", "untaken_events"): (N_("people of whom something was told that is not acted on yet"), _WORKERS),
    ("count", "overdue"): (N_("people whose due moment nobody came for"), _WORKERS),
    ("count", "planned"): (N_("texts and requests that wait to be sent"), _WORKERS),
    ("count", "attempting"): (N_("being sent now"), ""),
    ("count", "unknown"): (N_("nobody knows whether they arrived"), _DOUBT),
    ("doubts", "handed"): (N_("went out after all"), ""),
    ("doubts", "settled"): (N_("were settled meanwhile"), ""),
    ("doubts", "planned"): (N_("did not go out, and are sent again"), ""),
    ("doubts", "attempting"): (N_("being sent now"), ""),
    ("doubts", "failed"): (N_("did not go out, and are not sent again"), N_("The care team has a task to call each of them.")),
    ("doubts", "unknown"): (N_("nobody knows yet"), _DOUBT),
    ("doubts", "not_answered"): (N_("the provider did not answer"), _DOUBT),
    ("start", "started"): (N_("people whose texts had waited"), _WORKERS),
    ("rollouts", "news"): (N_("people whose move is known now"), ""),
    ("rollouts", "running"): (N_("rollouts under way"), ""),
    ("rollouts", "started"): (N_("begun again"), ""),
    ("closures", "told"): (N_("people told"), ""),
    ("alerts", "told"): (N_("alerts told"), ""),
    ("messages", "counted"): (N_("texts counted"), ""),
    ("messages", "open"): (N_("alerts that stand"), N_("They are listed on this page, each with its cause.")),
    ("messages", "told"): (N_("alerts told"), ""),
    ("ahead", "looked at"): (N_("people looked at"), ""),
    ("figures", "teams"): (N_("care teams counted"), ""),
    ("usage", "texts"): (N_("texts counted"), ""),
    ("usage", "prices"): (N_("prices learnt"), ""),
    ("integrity", "looked at"): (N_("people looked at"), ""),
    ("integrity", "broken"): (N_("records that do not hold"), _RECORDS),
    ("integrity", "started"): (N_("begun again"), ""),
    ("integrity", "faults"): (N_("people whose last step failed"), _RECORDS),
    ("audit", "entries"): (N_("entries verified"), ""),
    ("audit", "chains"): (N_("processes that wrote them"), ""),
    ("audit", "witnessed"): (N_("of them newly sealed"), ""),
    ("backup", "bytes"): (N_("bytes"), ""),
    ("backup", "patients"): (N_("people"), ""),
}


@dataclass(frozen=True, slots=True)
class Count:
    """``what``, ``remedy``: keys of the catalogues; ``remedy`` is empty where the number is nothing to see to. ``count``: None
    where nothing was counted.
    """

    what: str
    count: int | None
    remedy: str


def counts_of(job: str, said: str) -> list[Count]:
    """What a job wrote last; empty where it only says that it is done."""
    found: list[Count] = []
    for part in said.split(", "):
        if part in NONE:
            continue
        written = _COUNT.fullmatch(part)
        name, count = (written[1], int(written[2])) if written else (part, None)
        what, remedy = COUNTS.get((job, name), (name, ""))
        found.append(Count(what, count, remedy if count else ""))
    return found
