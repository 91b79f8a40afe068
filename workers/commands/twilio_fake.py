"""``cairn twilio-fake``: a Twilio of our own, alone; whatever speaks to Twilio may be pointed at it."""

from __future__ import annotations

import typer

from workers.twilio_fake import __main__ as program


def add_to(app: typer.Typer) -> None:
    """Add the command; its options are its own program's."""
    app.command("twilio-fake", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
        twilio_fake
    )


def twilio_fake(words: typer.Context) -> None:
    """A Twilio of our own, for development and tests: the same interface, and faults on demand."""
    raise typer.Exit(program.main(words.args))
