"""``python -m workers.twilio_fake``: the fake Twilio alone; what starts it beside a stack, and what tests kill."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from workers.twilio_fake.faults import BadFault
from workers.twilio_fake.serving import NUMBER, Plan, serve_alone


def plan_of(words: Sequence[str]) -> tuple[Plan, bool]:
    """What the start options say, and whether it ends with whoever started it."""
    parser = argparse.ArgumentParser(prog="twilio-fake", description="A Twilio of our own, for development and tests.")
    parser.add_argument("--file", type=Path, default=Path("data/twilio-fake.db"), help="where it keeps what it took")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8790, help="0: the machine chooses")
    parser.add_argument("--inbound-url", default="", help="our webhook for texts of phones")
    parser.add_argument("--number", action="append", help="a number that it sends from; may be repeated")
    parser.add_argument("--shared-secret", default="", help="sign webhooks with SHA-256 and this secret")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=VALUE", help="such as throttle=0.05; may be repeated")
    parser.add_argument("--ends-with-stdin", action="store_true", help="end with whoever started it")
    given = parser.parse_args(words)
    faults = dict(fault.partition("=")[::2] for fault in given.fault)
    plan = Plan(
        given.file,
        given.port,
        given.host,
        given.inbound_url,
        numbers=tuple(given.number or [NUMBER]),
        shared_secret=given.shared_secret,
        faults=faults,
    )
    return plan, given.ends_with_stdin


def main(words: Sequence[str]) -> int:
    """Serve it; a fault that there is not and a taken port are said in one sentence."""
    plan, ends_with_stdin = plan_of(words)
    try:
        asyncio.run(serve_alone(plan, until_stdin_ends=ends_with_stdin))
    except (BadFault, OSError) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
