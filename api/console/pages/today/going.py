"""Where somebody goes from a page of today's work when they have saved, or not."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi.responses import Response

from api.console.desk import Desk

ON_THE_LIST = ("on", "team", "show", "only")


def back_of(desk: Desk, patient_id: str) -> str:
    """Where they came from: the list as it was filtered, or the patient's page."""
    asked = desk.form.text("back") or desk.request.query_params.get("back", "")
    split = urlsplit(asked)
    if split.scheme or split.netloc or split.path != "/today":
        return f"/patients/{quote(patient_id, safe='')}"
    kept = [(name, value) for name, value in parse_qsl(split.query) if name in ON_THE_LIST]
    return f"/today?{urlencode(kept)}" if kept else "/today"


def after_saving(desk: Desk, patient_id: str, *, acted_on: bool) -> Response:
    """Back, with a word of what comes of it."""
    path = back_of(desk, patient_id)
    if not acted_on:
        return desk.go(path, said="stored_not_acted_on")
    if path.startswith("/today"):
        return desk.go(f"{path}{'&' if '?' in path else '?'}saved={quote(patient_id, safe='')}")
    return desk.go(path, said="saved")
