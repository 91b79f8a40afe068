"""What is logged tells an operator enough, and nobody anything about a person."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from activities.seeing import Traces
from activities.seeing.fields import EVENT, OURS, sayable
from activities.seeing.logs import logger, set_up
from records.database import Database

NAME, PHONE, READING = "Xochiquetzal", "+8613987650123", "187.25"
CANARIES = (NAME, NAME.lower(), PHONE[1:], READING)
ROOT = Path(__file__).parents[2]


@dataclass
class Lines:
    """What was written."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def one(self) -> dict[str, Any]:
        (line,) = self.all()
        return line

    def without_canaries(self) -> bool:
        return not any(canary in self.text for canary in CANARIES)


@pytest.fixture
def as_before() -> Iterator[None]:
    """Logging belongs to the process: what a test sets up is put back."""
    root = logging.getLogger()
    loggers = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    kept = [(one, list(one.handlers), one.level, one.propagate) for one in (root, *loggers)]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    logging.captureWarnings(False)
    for one, handlers, level, propagate in kept:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture
def lines(as_before: None) -> Lines:
    """The logs of a worker, as JSON."""
    stream = io.StringIO()
    set_up("worker", form="json", level="DEBUG", stream=stream)
    return Lines(stream)


def test_a_line_tells_when_how_grave_what_and_by_whom(lines: Lines) -> None:
    logger().info("step_taken", patient="a1b2", step=3, seconds=0.25)
    said = lines.one()
    assert said.pop("time").endswith("Z")
    assert said == {"level": "info", "event": "step_taken", "process": "worker", "patient": "a1b2", "step": 3, "seconds": 0.25}


def test_a_terminal_gets_the_same_as_key_and_value(as_before: None) -> None:
    stream = io.StringIO()
    set_up("api", form="text", stream=stream)
    logger().info("step_taken", patient="a1b2", step=3)
    assert "level=info event=step_taken process=api patient=a1b2 step=3" in stream.getvalue()


def test_a_field_that_is_not_on_the_list_is_dropped_and_the_line_says_so(lines: Lines) -> None:
    logger().info("enrolled", patient="a1b2", name=NAME, phone=PHONE, sbp=187.25)
    said = lines.one()
    assert said["dropped"] == 3
    assert said["patient"] == "a1b2"
    assert lines.without_canaries()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient", NAME + " Li"),
        ("patient", "13987650123"),
        ("patient", PHONE),
        ("reason", f"cannot reach {NAME}"),
        ("reason", "no_such_number:13987650123"),
        ("outcome", {"to": PHONE}),
        ("seconds", READING),
        ("kind", READING),
        ("patient", 187.25),
        ("path", "/patients?search=x"),
        ("route", "/patients?search=x"),
    ],
)
def test_a_value_that_looks_wrong_for_its_name_is_not_said(name: str, value: object) -> None:
    assert not sayable(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient", "0f3c2b1a9d8e4f5a8b7c6d5e4f3a2b1c"),
        ("reason", "TryLater"),
        ("route", "/api/v1/patients/{patient_id}/visits"),
        ("at", "activities.steps:84:_take"),
        ("status", 404),
        ("code", 21610),
        ("status", "handed"),
        ("seconds", 0.25),
        ("channel", None),
    ],
)
def test_ids_codes_counts_and_durations_are_said(name: str, value: object) -> None:
    assert sayable(name, value)


def test_an_event_that_is_a_sentence_is_not_said(lines: Lines) -> None:
    logger().info(f"enrolled {NAME}")
    assert lines.one()["event"] == "unnamed"
    assert lines.without_canaries()


def _a_failure_of_ours() -> None:
    raise RuntimeError(f"no bed for {NAME}") from ValueError(f"{PHONE} {READING}")


def _exception(log: Any) -> None:
    try:
        _a_failure_of_ours()
    except RuntimeError:
        log.exception("step_failed", patient="a1b2")


def test_a_failure_is_told_by_its_types_never_by_its_text(lines: Lines) -> None:
    _exception(logger())
    said = lines.one()
    assert (said["fault"], said["cause"]) == ("RuntimeError", "ValueError")
    assert lines.without_canaries()


async def test_a_failure_in_our_code_is_told_with_its_place(lines: Lines) -> None:
    database = Database.open("sqlite+aiosqlite:////nowhere/at/all.db")
    try:
        async with database.begin() as session:
            await session.execute(text("select 1"))
    except SQLAlchemyError as fault:
        logger().error("database_away", exc_info=fault)
    await database.close()
    (said,) = (line for line in lines.all() if line["level"] == "error")
    assert said["at"].startswith("records.")


async def test_a_database_error_that_quotes_a_reading_is_told_by_its_type(lines: Lines, database: Database) -> None:
    try:
        async with database.begin() as session:
            await session.execute(text(f"select '{NAME}', {READING} from patients_of where phone = :p"), {"p": PHONE})
    except SQLAlchemyError as fault:
        logger().error("database_refused", exc_info=fault)
        logging.getLogger("sqlalchemy.engine").error("failed: %s", fault, exc_info=fault)
    ours, theirs = (line for line in lines.all() if line["level"] == "error")
    assert ours["fault"] == theirs["fault"] != ""
    assert theirs["event"] == "library"
    assert lines.without_canaries()


@pytest.mark.parametrize("name", ["uvicorn.access", "uvicorn.error", "httpx", "temporalio.worker", "asyncio", "twilio.http_client"])
def test_what_a_library_says_is_reduced_to_who_and_how_grave(lines: Lines, name: str) -> None:
    logging.getLogger(name).warning("GET /patients?search=%s 200 %s", NAME, PHONE)
    logging.getLogger(name).error(f"to {PHONE}")
    first, second = lines.all()
    assert (first["event"], first["logger"], first["level"]) == ("library", name, "warning")
    assert second["level"] == "error"
    assert lines.without_canaries()


def test_a_line_that_cannot_be_formatted_is_told_of_without_what_was_in_it(
    as_before: None, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = Lines(io.StringIO())
    set_up("worker", form="json", stream=lines.stream)
    logging.getLogger("twilio").error("%d readings", READING + NAME)
    assert lines.one()["event"] == "log_line_lost"
    assert lines.without_canaries()
    assert capfd.readouterr() == ("", "")


def test_what_uvicorn_says_of_its_start_is_kept(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 4711)
    assert lines.one()["event"] == "server_started"


def test_our_own_standard_library_lines_keep_their_words_and_lose_what_was_put_in(lines: Lines) -> None:
    logging.getLogger("api.problems").error("a request failed: %s", NAME)
    said = lines.one()
    assert (said["event"], said["logger"]) == ("a_request_failed", "api.problems")
    assert lines.without_canaries()


def _uncaught_in_a_thread() -> None:
    thread = threading.Thread(target=_a_failure_of_ours)
    thread.start()
    thread.join()


def _uncaught_in_the_process() -> None:
    try:
        _a_failure_of_ours()
    except RuntimeError as fault:
        sys.excepthook(type(fault), fault, fault.__traceback__)


def _never_awaited_in_a_loop() -> None:
    async def go() -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": f"for {NAME}", "exception": RuntimeError(PHONE)})

    asyncio.run(go())


@pytest.mark.parametrize("happens", [_uncaught_in_a_thread, _uncaught_in_the_process, _never_awaited_in_a_loop])
def test_what_nobody_caught_is_told_by_its_type(
    lines: Lines, happens: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    happens()
    (said,) = (line for line in lines.all() if line["level"] in ("error", "critical"))
    assert said["fault"] == "RuntimeError"
    assert lines.without_canaries()
    assert capfd.readouterr() == ("", "")


def test_a_warning_of_python_is_told_without_its_words(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"odd: {NAME}", stacklevel=1)
    assert lines.all()[-1]["event"] == "warning_shown"
    assert lines.without_canaries()


def test_a_line_says_which_trace_it_belongs_to(lines: Lines) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    with Traces.into(InMemorySpanExporter()).part("request"):
        logger().info("request")
    assert len(lines.one()["trace"]) == 32


def test_what_is_said_before_logs_are_set_up_is_filtered_too(caplog: pytest.LogCaptureFixture) -> None:
    _exception(logger())
    logger().warning("enrolled", name=NAME)
    assert len(caplog.records) == 2
    said = " ".join(f"{record.getMessage()} {record.args} {record.exc_info}" for record in caplog.records)
    assert not any(canary in said for canary in CANARIES)


@pytest.mark.parametrize(("form", "level"), [("xml", "INFO"), ("json", "LOUD")])
def test_a_form_or_level_that_nobody_knows_is_refused_with_the_remedy(as_before: None, form: str, level: str) -> None:
    with pytest.raises(ValueError, match="use "):
        set_up("api", form=form, level=level)


def _our_log_calls() -> Iterator[tuple[str, ast.Call]]:
    for package in OURS:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                on = node.func.value
                name = on.id if isinstance(on, ast.Name) else on.attr if isinstance(on, ast.Attribute) else ""
                calls = ("debug", "info", "warning", "error", "exception", "critical")
                if name in ("log", "logger", "_log") and node.func.attr in calls:
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_every_event_that_our_code_logs_is_a_constant() -> None:
    found = list(_our_log_calls())
    assert len(found) >= 4
    bad = [
        where
        for where, call in found
        if not (call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
        or (call.keywords and not EVENT.fullmatch(call.args[0].value) and len(call.args) == 1)
    ]
    assert bad == [], "a text that is put together may hold what is personal; say a constant word, and fields"
