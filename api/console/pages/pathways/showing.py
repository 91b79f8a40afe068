"""What pages show of a document: its outline, the tabs, and what was found wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from api.checker import LARGEST, Busy, Checked, Diagnostic
from api.console.desk import N_, Desk
from api.console.forms import Form, wrong
from api.drafting import read_whole
from api.models.pathways import DiagnosticOut
from api.parts import ApiParts
from api.problems import not_found
from pathways.drawing.outline import outline
from pathways.language import load_published
from pathways.language.wording import shipped_frames

#: What is shown beside a text, in the order of its tabs.
TABS: Mapping[str, str] = {
    "calendar": N_("A year"),
    "map": N_("Map"),
    "tables": N_("Tables"),
    "messages": N_("Messages"),
    "scenarios": N_("Scenarios"),
}
#: How a draft stands.
STATUSES: Mapping[str, str] = {
    "draft": N_("being written"),
    "checked": N_("checked"),
    "approved": N_("approved"),
    "published": N_("published"),
    "discarded": N_("discarded"),
}
#: What is done to a pathway, as its history says it.
DEEDS: Mapping[str, str] = {
    "drafted": N_("Draft begun"),
    "edited": N_("Draft saved"),
    "checked": N_("Draft checked"),
    "approval_asked": N_("Approval asked for"),
    "approved": N_("Draft approved"),
    "sent_back": N_("Draft sent back"),
    "discarded": N_("Draft discarded"),
    "published": N_("Published"),
    "made_current": N_("Made the version in force"),
    "retired": N_("Retired"),
    "rollout_started": N_("Rollout begun"),
    "rollout_paused": N_("Rollout paused"),
    "rollout_resumed": N_("Rollout went on"),
    "rollout_stopped": N_("Rollout stopped"),
    "rolled_back": N_("Rollout taken back"),
    "patient_decided": N_("Decided about a patient"),
}
OPEN = ("draft", "checked", "approved")
BUSY = N_("Many texts are being checked at the moment. Please try again in a moment.")


@lru_cache(maxsize=64)
def published_outline(text: str) -> Mapping[str, Any]:
    """The outline of a version, which never changes. Its scenarios held when it was published; they are not played again."""
    return outline(load_published(text, file="document"))


async def looked_at(parts: ApiParts, text: str) -> Checked | None:
    """What is wrong with ``text``, and its outline; None while many are being checked."""
    try:
        return await parts.checker.check(text)
    except Busy:
        return None


async def draft_of(parts: ApiParts, name: str, draft_id: str) -> dict[str, Any]:
    """The draft of this pathway. Raises Problem 404."""
    draft = await read_whole(parts, draft_id)
    if draft["pathway"] != name:
        raise not_found()
    return {**draft, "changed": datetime.fromisoformat(draft["changed"])}


def typed(form: Form) -> str:
    """The text of a document as it was typed, its lines ended by ``\\n``. Raises Problem 422."""
    sent = form.values.get("text", ("",))[0].replace("\r\n", "\n").replace("\r", "\n")
    if len(sent.encode()) > LARGEST:
        raise wrong("text", f"A definition has at most {LARGEST // 1024} kB. Make two pathways of it, or shorten its scenarios.")
    return sent


def tab_of(chosen: str) -> str:
    """The tab that is meant; the first where none is."""
    return chosen if chosen in TABS else next(iter(TABS))


def panel(desk: Desk, shown: Mapping[str, Any], tab: str, *, edits: bool = False, stale: bool = False) -> dict[str, Any]:
    """What a tab's template needs. ``stale``: the whole pathway is not sound at the moment."""
    frames = shipped_frames()
    return {
        "outline": shown,
        "tab": tab,
        "tabs": TABS,
        "edits": edits,
        "stale": stale,
        "scenarios": tally(shown),
        "spoken": frames.nearest(desk.language),
        "patients_languages": list(frames.languages),
    }


def tally(shown: Mapping[str, Any]) -> dict[str, int]:
    """Scenarios that hold, that do not, and that were not played."""
    counted = Counter(
        "unplayed" if not one["played"] else "red" if one["failures"] else "green" for one in shown.get("scenarios", ())
    )
    return {name: counted[name] for name in ("green", "red", "unplayed")}


def count(found: Sequence[Diagnostic | DiagnosticOut]) -> dict[str, int]:
    """Errors and warnings."""
    errors = sum(one.severity == "error" for one in found)
    return {"errors": errors, "warnings": len(found) - errors}
