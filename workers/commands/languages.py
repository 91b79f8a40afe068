"""The option with which a command is asked to speak another language; one that we have no words in is refused, never ignored."""

from __future__ import annotations

from typing import Annotated

import typer

SPOKEN = ("en", "zh-Hans")


def _spoken(language: str) -> str:
    if language not in SPOKEN:
        raise typer.BadParameter(f"there are no words in {language!r}; use one of: {', '.join(SPOKEN)}")
    return language


Language = Annotated[str, typer.Option(help="en or zh-Hans.", callback=_spoken)]
