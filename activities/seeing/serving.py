"""Each process serves its metrics and readiness on a port of its own: loopback unless told otherwise, never on the public API."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from activities.seeing.readiness import Readiness, Ready

PATIENCE = 5.0  # seconds for the event loop to answer; one that does not is stuck, and so not ready
STUCK = Readiness(False, "unknown", "unknown", "the process does not answer itself")


class MetricsPortTaken(RuntimeError):
    """Somebody else listens on the metrics port."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where it is served."""

    host: str
    port: int


@contextmanager
def serve_metrics(
    registry: CollectorRegistry, host: str = "127.0.0.1", port: int = 0, *, ready: Ready | None = None
) -> Iterator[Served]:
    """Serve ``/metrics``, ``/healthz`` and ``/readyz`` until the block ends; ``port`` 0 takes a free one.

    Enter it within the running event loop that ``ready`` asks in. Raises MetricsPortTaken.
    """
    look = _asked_in(asyncio.get_running_loop(), ready) if ready is not None else None

    class Handler(_Handler):
        pages = registry
        readiness = staticmethod(look) if look is not None else None

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError:
        raise MetricsPortTaken(
            f"Port {port} for the metrics is taken; choose another with CAIRN_METRICS_PORT={port + 1}, one for each process"
        ) from None
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
    serving.start()
    try:
        yield Served(host, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _asked_in(loop: asyncio.AbstractEventLoop, ready: Ready) -> Callable[[], Readiness]:
    def look() -> Readiness:
        asked = asyncio.run_coroutine_threadsafe(ready.look(), loop)
        try:
            return asked.result(PATIENCE)
        except TooLate:
            asked.cancel()
            return STUCK

    return look


class _Handler(BaseHTTPRequestHandler):
    pages: CollectorRegistry
    readiness: Callable[[], Readiness] | None = None
    timeout = 10

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                if self.readiness is not None:
                    self.readiness()  # so that what a scrape says of database and Temporal is of now
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, encode(self.pages), kind)
            case "/healthz":
                self._answer(200, b'{"status": "ok"}', "application/json")
            case "/readyz" if self.readiness is not None:
                told = self.readiness()
                self._answer(200 if told.ready else 503, json.dumps(told.as_json()).encode(), "application/json")
            case _:
                self._answer(404, b"", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a scrape every fifteen seconds is no event."""
