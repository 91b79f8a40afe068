"""Random requests against everything that the API's description promises: nothing but what it promises comes back.

``python -m bench contract`` sends 20,000 requests or more to each kind of database, as every role that has something to ask; the
tests send a few. The tool is schemathesis, from outside, against a server on loopback; ``contract_hooks`` leads what it draws to
what there is, so that a good share of it is carried out and not only refused.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,missing_required_header"
)
_CARE = r" /api/v1/(patients|tasks|worklist|referrals$|referrals/\{referral_id\}$|refills$|stock$|me)"
_ROLLOUTS = r"GET /api/v1/rollouts(/\{rollout_id\})?$"
#: Who asks for what, by method and path: together they ask for everything, and each request is sent by one of them.
CALLERS = {
    "coordinator": r" /api/v1/(patients|tasks|worklist|referrals|refills|stock|closures|holds|holidays|overview|sandbox|me)"
    + r"| /api/v1/(pathways|drafts|rollouts)|/contact-rules$",
    "manager": _CARE + r"| /api/v1/referrals/\{referral_id\}/reply|GET /api/v1/rollouts/\{rollout_id\}/patients",
    "doctor": _CARE + r"| /cds-services",
    "approver": r" /api/v1/(pathways/check|me)|/drafts/\{draft_id\}/(approve|send-back|publish)|GET /api/v1/pathways|" + _ROLLOUTS,
    "supervisor": r"GET /api/v1/(hook-feedback|overview|places|teams|stock|me)|" + _ROLLOUTS,
    "administrator": r" /api/v1/(hook-clients|advice-services|smart-clients|places|teams|keys|accounts|sessions)"
    + r"| /api/v1/(closures|holidays|clock|me)",
    "auditor": r" /api/v1/(audit|me)",
    "hospital-1": r" /cds-services/| /api/v1/(referrals|me)|GET /api/v1/(closures|places)",
    "pharmacy-1": r" /api/v1/(refills|stock|me)|GET /api/v1/(closures|places)",
    "gateway": r" /api/v1/(sandbox|me)",
}
#: A stream has no end: schemathesis would wait for it. The tests of the worklist read it.
NOT_ASKED = r"/worklist/changes$"
COUNTED, KNOWN = "/counted", "/known"  # what was answered, and what there is; served beside the API
#: Signs in, so that signing in sometimes succeeds.
SOMEBODY = {"login": "nurse.li", "name": "Li", "role": "health_manager", "place": "team-1", "password": "Seven-cranes-over-92"}
REPOSITORY = Path(__file__).parent.parent


@dataclass
class Told:
    """What came back. ``answers``: how often each operation answered with each status; ``complaints``: what broke a promise."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Requests."""
        return sum(self.answers.values())

    @property
    def carried_out(self) -> float:
        """The share of them that was answered with 2xx, 0 to 1."""
        return sum(n for (_, status), n in self.answers.items() if 200 <= status < 300) / max(1, self.sent)

    @property
    def never(self) -> list[str]:
        """Operations that were asked for and never answered with 2xx."""
        well = {operation for operation, status in self.answers if 200 <= status < 300}
        taken = {operation for operation, status in self.answers if status not in (404, 405)}  # not: methods that nobody declared
        return sorted(taken - well)

    def table(self) -> str:
        """Statuses and how often each came."""
        statuses: Counter[int] = Counter()
        for (_, status), n in self.answers.items():
            statuses[status] += n
        return ", ".join(f"{status}: {n:,}" for status, n in sorted(statuses.items()))


@contextmanager
def serving(url: str) -> Iterator[str]:
    """The API over an empty database at ``url``, in a process of its own; answers its address."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as door:  # whoever comes before the server is ready waits at it
            address, number = f"http://127.0.0.1:{door.getsockname()[1]}", door.fileno()
            command = [sys.executable, "-m", "bench.contract", "--serve", url, folder, str(number)]
            server = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[number])
        try:
            try:
                httpx.get(f"{address}/healthz", timeout=120)
            except httpx.TransportError:
                raise RuntimeError("the API did not come up; what it said stands above") from None
            yield address
        finally:
            server.terminate()
            server.wait(20)


def ask(address: str, *, examples: int, seed: int, phases: str = "examples,coverage,fuzzing", **more: str) -> Told:
    """Send random requests, at most ``examples`` of each phase for each operation; the same ones for the same seed.

    ``more``: options of ``schemathesis run``.
    """
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json", "--checks", CHECKS,
        "--exclude-path-regex", NOT_ASKED, "--max-examples", str(examples), "--seed", str(seed), "--workers", "1",
        "--phases", phases, "--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure", "--no-color",
        "--generation-database", "none", "--request-timeout", "60", "--no-shrink",
        *(part for name, value in more.items() for part in (f"--{name.replace('_', '-')}", value)),
    ]  # fmt: skip
    # One worker: with two, Python 3.11's parser fails inside hypothesis now and then, and no seed brings a run back.
    told = {"SCHEMATHESIS_HOOKS": "bench.contract_hooks", "CONTRACT_ADDRESS": address, "CONTRACT_SEED": str(seed)}
    before = _answers(address)
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env={**os.environ, **told})
    found = Told(_answers(address) - before)
    if run.returncode:
        found.complaints.append(f"{run.stdout[-20000:]}\n{run.stderr[-2000:]}")
    return found


def _answers(address: str) -> Counter[tuple[str, int]]:
    rows = httpx.get(f"{address}{COUNTED}", timeout=60).json()
    return Counter({(operation, status): n for operation, status, n in rows if operation != "GET elsewhere"})


def measure(*, wanted: int = 20_000) -> int:
    """Both databases; answers 0 where nothing but what is promised came back."""
    from tests.postgres import serving as postgres_serving

    code = 0
    with tempfile.TemporaryDirectory() as folder, postgres_serving() as postgres:
        postgres.sql("CREATE DATABASE contract")
        for url in (f"sqlite+aiosqlite:///{folder}/contract.db", postgres.url("contract")):
            kind, told, seed = url.split("+")[0], Told(), 0
            with serving(url) as address:
                while told.sent < wanted and not told.complaints:
                    seed += 1
                    last = ask(address, examples=50, seed=seed)
                    told = Told(told.answers + last.answers, last.complaints)
                    print(f"{kind}: {told.sent:,} requests, {told.carried_out:.0%} carried out", flush=True)
            print(f"{kind}: {told.table()}\nnever carried out: {', '.join(told.never) or 'nothing'}", flush=True)
            for complaint in told.complaints:
                code = 1
                print(complaint, flush=True)
    return code


def main() -> int:
    """``--serve URL FOLDER SOCKET``: the server; without: the whole measurement."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=3, metavar=("URL", "FOLDER", "SOCKET"))
    parser.add_argument("--requests", type=int, default=20_000, help="to each database")
    given = parser.parse_args()
    if given.serve:
        from bench.contract_network import serve

        url, folder, number = given.serve
        asyncio.run(serve(url, Path(folder), socket.socket(fileno=int(number))))
        return 0
    return measure(wanted=given.requests)


if __name__ == "__main__":
    sys.exit(main())
