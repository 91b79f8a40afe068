"""The ``cairn`` command: every sentence that an operator or a coordinator types.

Rule: only the module that holds the command is imported, since importing everything takes seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

import typer

#: Which module of ``workers.commands`` adds which commands.
HOMES: Mapping[str, tuple[str, ...]] = {
    "serve": ("up", "run", "api"),
    "operate": ("worker", "recover", "settings", "db"),
    "housekeeping": ("housekeeping",),
    "doctor": ("doctor",),
    "backup": ("backup", "restore"),
    "people": ("enrol",),
    "patients_why": ("patients",),
    "pathways": ("pathways",),
    "access": ("keys", "accounts", "audit"),
    "channels": ("channels",),
    "twilio_fake": ("twilio-fake",),
}


def app_for(words: Sequence[str]) -> typer.Typer:
    """What understands ``words``; all commands where the first word is none of them (a slip, or a call for help)."""
    homes = [home for home, commands in HOMES.items() if words and words[0] in commands]
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Keeps people on their care pathway."
    )

    @app.callback()
    def cairn() -> None:
        """Keeps people on their care pathway."""

    for home in homes or HOMES:
        import_module(f"workers.commands.{home}").add_to(app)
    return app


def main() -> None:
    """Run the command; what an operator can mend is said in one sentence, without a traceback."""
    code = 0
    try:
        ended = app_for(sys.argv[1:])(standalone_mode=False)
        code = ended if isinstance(ended, int) else 0
    except typer.Exit as done:
        code = done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as wrong:
        if isinstance(wrong, tuple(_said_in_one_sentence())):
            code, text = 1, str(wrong)
        elif hasattr(wrong, "format_message"):
            code, text = 2, wrong.format_message()
        else:
            raise
        print(text, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    # The Temporal core's threads may still be ending; leaving them to the interpreter's exit has crashed it.
    os._exit(code)


def _said_in_one_sentence() -> Iterable[type[Exception]]:
    """What an operator can mend. Imported where something was raised, so that a command loads only what it uses."""
    from activities.recovery import RecoveryStopped
    from activities.seeing.serving import MetricsPortTaken
    from records.audit import NotWrittenDown
    from records.database import DatabaseNotReady
    from records.vault import BadMasterKey, WrongKey
    from workers.backup import NotBackedUp
    from workers.settings import BadSetting
    from workers.temporal import NoTemporalServer, PortTaken
    from workers.twilio_beside import NoTwilioBeside

    yield from (BadSetting, BadMasterKey, WrongKey, DatabaseNotReady, PortTaken, MetricsPortTaken, NoTemporalServer)
    yield from (RecoveryStopped, NotBackedUp, NotWrittenDown, NoTwilioBeside)
