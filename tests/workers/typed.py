"""`cairn` typed by an operator: a process of its own each time, forked from one that has imported the commands already."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WITHIN = 60.0  # seconds
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["workers.command", "workers.commands.access", "workers.commands.people", "workers.commands.pathways"]
)


@dataclass(frozen=True)
class Answered:
    """What the command said, and with what it ended."""

    returncode: int
    stdout: str
    stderr: str


def cairn(home: Path, *words: str, typed: str = "", **settings: str) -> Answered:
    """Run the command with the installation in ``home``; ``typed``: what is typed in when it asks."""
    with tempfile.TemporaryDirectory() as kept:
        pipes = [Path(kept) / name for name in ("stdin", "stdout", "stderr")]
        pipes[0].write_text(typed)
        environment = {**os.environ, "CAIRN_HOME": str(home), **settings}
        process = _FORKS.Process(target=_run, args=(words, environment, [str(pipe) for pipe in pipes]))
        process.start()
        process.join(WITHIN)
        if process.is_alive():
            process.kill()
            process.join()
        code = process.exitcode
        process.close()
        return Answered(-1 if code is None else code, pipes[1].read_text(), pipes[2].read_text())


def _run(words: tuple[str, ...], environment: Mapping[str, str], pipes: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, (pipe, flags) in enumerate(
        zip(pipes, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True)
    ):
        os.dup2(os.open(pipe, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["cairn", *words]
    from workers.command import main

    main()
