"""What a browser's form sends, and what was wrong with it, field by field.

Rule 1: nothing that was typed is lost: a form that is refused is shown again with it.
Rule 2: a form that is sent twice happens once: it carries a key of its own (``once``) from when it was shown.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.problems import Fault, Problem

M = TypeVar("M", bound=BaseModel)
MOST_FIELDS = 2000
CSRF, ONCE, READ = "csrf", "once", "read"
OWN = (CSRF, ONCE, READ)
EMPTY = "Please fill this in."


def fresh_key() -> str:
    """For a form that is about to be shown."""
    return uuid4().hex


def csrf_token(session_key: str) -> str:
    """What only a page of ours, shown to whoever holds the session, can send along."""
    return sha256(f"cairn form/{session_key}".encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Form:
    """Fields by name, each with all that was sent. ``faults``: by field, what is wrong and what to do; "" for the whole form."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def text(self, name: str, default: str = "") -> str:
        """The field without the space around it."""
        found = self.values.get(name)
        return found[0].strip() if found else default

    def raw(self, name: str) -> str:
        """The field as it was sent: a password may begin with a blank."""
        found = self.values.get(name)
        return found[0] if found else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """All that were chosen."""
        return tuple(one.strip() for one in self.values.get(name, ()) if one.strip())

    def day(self, name: str) -> date | None:
        """A date field; None where it is empty. Raises Problem 422."""
        written = self.text(name)
        try:
            return date.fromisoformat(written) if written else None
        except ValueError:
            raise wrong(name, "This is not a day: write it as YYYY-MM-DD.") from None

    def number(self, name: str) -> float | None:
        """A number, with a point or a comma; None where it is empty. Raises Problem 422."""
        written = self.text(name).replace(",", ".")
        try:
            number = float(written) if written else None
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):  # Python reads "nan" and "1e999", too
            raise wrong(name, "This is not a number.")
        return number

    @property
    def once(self) -> str:
        """The form's own key."""
        return self.text(ONCE)

    @property
    def fingerprint(self) -> str:
        """Of all that it says: the same key with another form is a mistake."""
        said = sorted((name, values) for name, values in self.values.items() if name not in OWN)
        sent = sorted((name, sha256(content).hexdigest()) for name, content in self.files.items())
        return sha256(repr((said, sent) if sent else said).encode()).hexdigest()

    def refused(self, problem: Problem) -> Form:
        """The same form with what was wrong."""
        faults = {fault.field: "; ".join(filter(None, (fault.reason, fault.remedy))) for fault in problem.faults}
        return Form(self.values, faults or {"": problem.detail})


def wrong(name: str, what: str) -> Problem:
    """A field that cannot be used."""
    return Problem(422, what, faults=[Fault(name, what, "")])


def made(model: type[M], **fields: Any) -> M:
    """What a route of the API takes, made of a form's fields; what is empty was left out. Raises Problem 422, field by field."""
    try:
        return model.model_validate({name: value for name, value in fields.items() if value not in (None, "")})
    except ValidationError as refused:
        faults = [
            Fault(
                str(one["loc"][0]) if one["loc"] else "",
                EMPTY if one["type"] == "missing" else str(one["msg"]).removeprefix("Value error, "),
                "",
            )
            for one in refused.errors()
        ]
        raise Problem(422, "This cannot be used as it is; nothing was stored.", faults=faults) from None


async def read_form(request: Request) -> Form:
    """What was sent. Raises Problem 422."""
    body = await request.body()
    kind, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if kind.lower().startswith("multipart/form-data") and boundary:
        return _with_files(body, boundary.strip('"').encode())
    try:
        fields = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(422, f"A form has at most {MOST_FIELDS} fields.") from None
    return Form({name: tuple(value.replace("\x00", "") for value in values) for name, values in fields.items()})


def _with_files(body: bytes, boundary: bytes) -> Form:
    """A form that brings files. Raises Problem 422."""
    values: dict[str, tuple[str, ...]] = {}
    files: dict[str, bytes] = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]
    if len(parts) > MOST_FIELDS:
        raise Problem(422, f"A form has at most {MOST_FIELDS} fields.")
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        said = head.decode("utf-8", errors="replace")
        name = re.search(r'[;\s]name="([^"\r\n]{1,100})"', said)
        if name is None:
            continue
        if re.search(r'[;\s]filename="', said):  # what it is called on their machine is nobody's business
            files[name.group(1)] = content
        else:
            values[name.group(1)] = (*values.get(name.group(1), ()), content.decode("utf-8", errors="replace").replace("\x00", ""))
    return Form(values, files=files)


def is_ours(request: Request, form: Form, session_key: str) -> bool:
    """Whether a page of ours sent it: not another site, and not one that was shown to somebody else."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    sent = form.text(CSRF) or request.headers.get("x-cairn-form", "")
    return hmac.compare_digest(sent.encode(), csrf_token(session_key).encode())
