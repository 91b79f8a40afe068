"""The ``cairn`` command: every sentence that an operator or a coordinator types."""

from __future__ import annotations

import os
import sys

import typer

from activities.recovery import RecoveryStopped
from activities.seeing.serving import MetricsPortTaken
from records.audit import NotWrittenDown
from records.database import DatabaseNotReady
from records.vault import BadMasterKey, WrongKey
from workers.backup import NotBackedUp
from workers.commands import access, backup, doctor, housekeeping, operate, pathways, people
from workers.settings import BadSetting
from workers.temporal import NoTemporalServer, PortTaken

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Keeps people on their care pathway."
)
app.add_typer(pathways.app, name="pathways")
app.add_typer(operate.database, name="db")
app.add_typer(access.keys, name="keys")
app.add_typer(access.accounts, name="accounts")
app.add_typer(access.audit, name="audit")
operate.add_to(app)
housekeeping.add_to(app)
doctor.add_to(app)
backup.add_to(app)
people.add_to(app)

SAID_IN_ONE_SENTENCE = (
    *(BadSetting, BadMasterKey, WrongKey, DatabaseNotReady, PortTaken, MetricsPortTaken, NoTemporalServer),
    *(RecoveryStopped, NotBackedUp, NotWrittenDown),
)


def main() -> None:
    """Run the command; what an operator can mend is said in one sentence, without a traceback."""
    code = 0
    try:
        ended = app(standalone_mode=False)
        code = ended if isinstance(ended, int) else 0
    except SAID_IN_ONE_SENTENCE as refused:
        print(refused, file=sys.stderr)
        code = 1
    except typer.Exit as done:
        code = done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as wrong:
        if not hasattr(wrong, "format_message"):
            raise
        print(wrong.format_message(), file=sys.stderr)
        code = 2
    sys.stdout.flush()
    sys.stderr.flush()
    # The Temporal core's threads may still be ending; leaving them to the interpreter's exit has crashed it.
    os._exit(code)
