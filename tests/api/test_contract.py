"""Random requests against the real application on loopback: what comes back is what its description promises."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
from postgres import Postgres

sys.path.append(str(Path(__file__).parents[2]))  # the benchmarks are not part of what is installed

from bench.contract import NOT_ASKED, Told, ask, serving


def _promised(address: str) -> set[str]:
    """The operations of the API's description that are asked for."""
    paths = httpx.get(f"{address}/openapi.json", timeout=60).json()["paths"]
    unasked = NOT_ASKED.rstrip("$")
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in paths.items()
        for method in operations
        if not path.endswith(unasked)
    }


def _spoken(told: Told) -> str:
    return "\n".join([f"{told.sent} requests; {told.table()}", *told.complaints])


def test_every_operation_answers_random_requests_as_its_description_says(postgres: Postgres) -> None:
    postgres.sql("CREATE DATABASE contract")  # of the kind that refuses more; `python -m bench contract` asks both, and far more
    try:
        with serving(postgres.url("contract")) as address:
            promised = _promised(address)
            told = ask(address, examples=1, seed=7, phases="examples,fuzzing")
    finally:
        postgres.drop("contract")
    assert not told.complaints, f"an answer broke the API's description; the requests stand below\n{_spoken(told)}"
    asked = {operation for operation, _ in told.answers}
    assert promised <= asked, f"nobody asked for {sorted(promised - asked)}"
    assert told.carried_out > 0.3, f"too few requests reached anything: {told.carried_out:.0%} carried out\n{_spoken(told)}"
