"""A pathway to begin with: a commented document that passes the check as it stands, scenarios and all."""

from __future__ import annotations

import re
from importlib import resources

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")


TAKEN = frozenset({"true", "false", "null", "yes", "no", "on", "off"})  # YAML reads them as something else


class BadName(ValueError):
    """No pathway may be called so; the text says what would be right."""


def new_document(name: str) -> str:
    """The YAML of a pathway called ``name``. Raises BadName."""
    if not NAME.fullmatch(name) or name in TAKEN:
        raise BadName(f"{name!r} cannot name a pathway; use 2 to 40 small letters, digits and underscores, such as chronic_pain")
    template = resources.files("pathways.language").joinpath("starting.yaml").read_text("utf-8")
    title = name.replace("_", " ").capitalize()
    return template.replace("{{NAME}} may hold", "a pathway's name may hold").replace("{{NAME}}", name).replace("{{TITLE}}", title)
