"""Traces go to a collector where one is named; one that does not answer holds nobody up."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from activities.seeing import Seeing, Traces


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector on this machine, and what it was sent."""
    sent: list[tuple[str, bytes]] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Takes)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", sent
    server.shutdown()
    serving.join()
    server.server_close()


async def test_what_is_left_is_sent_when_a_process_ends(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    endpoint, sent = collector
    seeing = Seeing.of_process("worker", otlp_endpoint=endpoint)
    with seeing.traces.part("step", patient="a1b2"):
        pass
    await seeing.aclose(within=10)
    ((path, _),) = sent
    assert path == "/v1/traces"


async def test_a_collector_that_never_answers_holds_nobody_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        traces = Traces.to_endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}", "worker")
        with traces.part("step"):
            pass
        async with asyncio.timeout(5):
            await Seeing(traces=traces).aclose(within=0.1)


async def test_without_a_collector_nothing_is_traced_and_nothing_of_it_is_loaded() -> None:
    assert not Traces.to_endpoint("", "api").on
    looks = "import sys, activities.seeing as s; s.Seeing.of_process('api'); sys.exit('opentelemetry.exporter.otlp' in sys.modules)"
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", looks], check=False)
    assert done.returncode == 0
