"""Random requests against everything that the API's description promises: nothing but what it promises comes back.

``python -m bench contract`` sends 20,000 requests or more to each kind of database, as every role that has something to ask; the
tests send a few. The tool is schemathesis, from outside, against a server on loopback.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from records.database import Database, migrate

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,missing_required_header"
)
COUNTED = "/counted"
#: Who asks for what: together they ask for everything.
CALLERS = {
    "coordinator": r"^/api/v1/(patients|tasks|worklist|referrals|refills|stock|closures|holidays|pathways|overview|sandbox|me)",
    "administrator": r"^/api/v1/(places|teams|keys|accounts|sessions|closures|holidays|me)",
    "auditor": r"^/api/v1/(audit|pathways|me)",
    "hospital-1": r"^/api/v1/referrals",
    "pharmacy-1": r"^/api/v1/(refills|stock|closures)",
}
#: A stream has no end, a webhook has a signature, and a key that withdraws itself ends the run.
NOT_ASKED = r"/(worklist/changes|hooks/.*|sessions/current|keys/\{key_id\}|keys/\{key_id\}/rotate|clock)$"


@dataclass
class Counting:
    """Counts requests, and tells how many."""

    app: ASGIApp
    count: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == COUNTED:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(self.count).encode()})
            return
        self.count += scope["type"] == "http"
        await self.app(scope, receive, send)


async def _serve(url: str, folder: Path, port: int) -> None:
    from api.app import create_app
    from tests.api.conftest import a_network

    database = Database.open(url)
    await migrate(database)
    async with a_network(database, folder) as network:
        for n in range(3):
            await network.enrol(identifier=f"P-{n}", phone=f"+8613812345{n:03d}")
        app = Counting(create_app(network.parts))
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")
        await uvicorn.Server(config).serve()
    await database.close()


@contextmanager
def serving(url: str) -> Iterator[str]:
    """The API over a database at ``url``, in a process of its own; answers its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([sys.executable, "-m", "bench.contract", "--serve", url, folder, str(port)])
        address = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=20), timeout=30) as client:
                for _ in range(600):
                    try:
                        client.get(f"{address}/healthz")
                        break
                    except httpx.TransportError:
                        if server.poll() is not None:
                            raise RuntimeError("the API did not come up") from None
            yield address
        finally:
            server.terminate()
            server.wait(20)


def ask(address: str, *, examples: int, seed: int = 1, callers: dict[str, str] | None = None) -> tuple[int, list[str]]:
    """Send random requests; answers how many, and what schemathesis said of each run that found something."""
    complaints = []
    for caller, paths in (callers or CALLERS).items():
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json",
            "--header", f"Authorization: Bearer {caller}", "--checks", CHECKS, "--include-path-regex", paths,
            "--exclude-path-regex", NOT_ASKED, "--max-examples", str(examples), "--seed", str(seed), "--workers", "2",
            "--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all", "--warnings", "off",
            "--continue-on-failure", "--no-color", "--generation-database", "none", "--request-timeout", "30",
        ]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            complaints.append(f"as {caller}:\n{run.stdout[-12000:]}\n{run.stderr[-2000:]}")
    return int(httpx.get(f"{address}{COUNTED}", timeout=30).text), complaints


def measure(*, wanted: int = 20_000) -> int:
    """Both databases; answers 0 where nothing but what is promised came back."""
    from tests.postgres import serving as postgres_serving

    code = 0
    with tempfile.TemporaryDirectory() as folder, postgres_serving() as postgres:
        postgres.sql("CREATE DATABASE contract")
        for url in (f"sqlite+aiosqlite:///{folder}/contract.db", postgres.url("contract")):
            kind, sent, round_ = url.split("+")[0], 0, 0
            with serving(url) as address:
                while sent < wanted:
                    round_ += 1
                    sent, complaints = ask(address, examples=100, seed=round_)
                    print(f"{kind}: {sent} requests, {len(complaints)} runs with complaints", flush=True)
                    for complaint in complaints:
                        print(complaint, flush=True)
                    if complaints:
                        code = 1
                        break
    return code


def main() -> int:
    """``--serve URL FOLDER PORT``: the server; without: the whole measurement."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=3, metavar=("URL", "FOLDER", "PORT"))
    parser.add_argument("--requests", type=int, default=20_000)
    given = parser.parse_args()
    if given.serve:
        url, folder, port = given.serve
        asyncio.run(_serve(url, Path(folder), int(port)))
        return 0
    return measure(wanted=given.requests)


if __name__ == "__main__":
    sys.exit(main())
