"""Logs: one JSON line an event, on stderr, with ids, codes, counts and durations.

Rule 1: what our code says goes through ``fields``: a name that is not on its list, or a value that looks wrong for it, is dropped,
        and the line says how many were.
Rule 2: what other libraries say is reduced to who, how grave, and the type of the failure; their texts quote statements, addresses
        and arguments. A text is kept only where it is known to be a constant (``HARMLESS``). What is less than a warning then
        says nothing any more, and is written at the level debug only.
Rule 3: an exception is its type and the last place of our code, whoever logs it, and also where nobody caught it.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import structlog

from activities.seeing.fields import EVENT, OURS, fault_of, only_sayable
from activities.seeing.traces import trace_id

Said = MutableMapping[str, Any]

#: What libraries say that is constant, and useful to an operator; by logger and template.
HARMLESS = {
    ("uvicorn.error", "Started server process [%d]"): "server_started",
    ("uvicorn.error", "Application startup complete."): "application_ready",
    ("uvicorn.error", "Shutting down"): "server_stopping",
    ("uvicorn.error", "Finished server process [%d]"): "server_stopped",
    ("apscheduler.scheduler", "Scheduler started"): "scheduler_started",
    (
        "apscheduler.scheduler",
        'Execution of job "%s" skipped: maximum number of running instances reached (%d)',
    ): "job_still_runs",
    ("apscheduler.scheduler", "Scheduler has been shut down"): "scheduler_stopped",
    ("temporalio.worker._worker", "Beginning worker shutdown, will wait %s before cancelling activities"): "worker_stopping",
}
_OURS_BY_NAME = ("cairn", *OURS)


class Log(structlog.stdlib.BoundLogger):
    """A log with fields: ``log.warning("step_failed", patient=..., exc_info=fault)``."""

    def exception(self, event: str | None = None, *args: Any, **kw: Any) -> Any:
        """An error with what was caught. The standard library's own would attach the traceback, past every filter."""
        kw.setdefault("exc_info", True)
        return self.error(event, *args, **kw)


def logger(name: str = "cairn") -> Log:
    """A log to be handed in. What is said is filtered here already, whoever listens to the standard library's logging.

    The first argument of each call is the event: a constant word such as ``step_failed``.
    """
    log: Log = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[_ours, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=Log,
    )
    return log


def set_up(process: str, *, level: str = "INFO", form: str = "auto", stream: TextIO | None = None) -> None:
    """Send everything that this process logs to ``stream`` (stderr); called once, by whoever starts the process.

    ``process``: api, worker, housekeeping, up. ``form``: json, text (key=value, for a terminal), or auto. Raises ValueError.
    """
    out = sys.stderr if stream is None else stream
    if form not in ("json", "text", "auto"):
        raise ValueError(f"the form of logs is {form!r}; use json, text or auto")
    numbers = logging.getLevelNamesMapping()
    if level.upper() not in numbers:
        raise ValueError(f"the level of logs is {level!r}; use DEBUG, INFO, WARNING or ERROR")
    handler = _Handler(out)
    handler.setFormatter(_formatter(process, as_json=form == "json" or (form == "auto" and not out.isatty())))
    if numbers[level.upper()] > logging.DEBUG:
        handler.addFilter(_tells_something)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(numbers[level.upper()])
    for name, one in list(logging.root.manager.loggerDict.items()):
        if isinstance(one, logging.Logger):  # a library's own handler would print what it likes
            one.handlers.clear()
            one.propagate = True
            if not _is_ours(name) and one.level and one.level < logging.INFO:
                one.setLevel(logging.NOTSET)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


class _Handler(logging.StreamHandler[TextIO]):
    """A line that cannot be written is told of without what was in it; the standard library would print that."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the standard library's name
        self.stream.write('{"event": "log_line_lost", "level": "error"}\n')


def _formatter(process: str, *, as_json: bool) -> logging.Formatter:
    def stamped(_: Any, __: str, said: Said) -> Said:
        record: logging.LogRecord = said["_record"]
        first = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": said.pop("event"),
            "process": process,
        }
        trace = trace_id()
        return {**first, **({"trace": trace} if trace else {}), **said}

    show = structlog.processors.JSONRenderer() if as_json else structlog.processors.LogfmtRenderer(bool_as_flag=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_foreign],
        processors=[stamped, structlog.stdlib.ProcessorFormatter.remove_processors_meta, show],
    )


def _ours(_: Any, __: str, said: Said) -> Said:
    """A line of our own: its event is a word, its fields are those that may be said."""
    event = said.pop("event", "")
    error = said.pop("exc_info", None)
    error = sys.exc_info()[1] if error is True else error[1] if isinstance(error, tuple) else error
    for never in ("stack_info", "stack"):
        said.pop(never, None)
    told = only_sayable(said)
    if isinstance(error, BaseException):
        told |= fault_of(error)
    return {"event": event if isinstance(event, str) and EVENT.fullmatch(event) else "unnamed", **told}


def _foreign(_: Any, __: str, said: Said) -> Said:
    """A line that came through the standard library: ours by its constant template, others' by who says it."""
    record: logging.LogRecord = said["_record"]
    kept: dict[str, Any] = {name: said[name] for name in ("_record", "_from_structlog")}
    known = HARMLESS.get((record.name, str(record.msg)))
    if known is not None:
        kept["event"] = known
    elif _is_ours(record.name) and isinstance(record.msg, str):
        kept["event"] = _as_word(record.msg)  # never its arguments
    else:
        kept["event"] = "warning_shown" if record.name == "py.warnings" else "library"
    error = record.exc_info[1] if record.exc_info else None
    return {**kept, **only_sayable({"logger": record.name}), **(fault_of(error) if error is not None else {})}


def _tells_something(record: logging.LogRecord) -> bool:
    """Whether something is left of a line once a library's text is taken away."""
    return record.levelno >= logging.WARNING or _is_ours(record.name) or (record.name, str(record.msg)) in HARMLESS


def _as_word(template: str) -> str:
    """``a request failed: %s`` as ``a_request_failed``."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"%[-+# 0-9.]*[a-zA-Z]", "", template).lower()).strip("_")[:60] or "unnamed"


def _is_ours(name: str) -> bool:
    return name.split(".")[0] in _OURS_BY_NAME


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    told = error if error is not None else kind()
    logger().critical("uncaught", exc_info=told.with_traceback(trace or told.__traceback__))
