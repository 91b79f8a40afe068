"""Where software that we did not write is kept, and what to say where it is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

NODE = Path(__file__).parents[1] / "node" / "node_modules"
#: In an environment of its own: it brings an event loop that our server would take for itself.
PYTHON = Path(__file__).parent / ".venv" / "bin"
GET_PYTHON = "python3 -m venv tests/clients/.venv && tests/clients/.venv/bin/pip install -r tests/clients/requirements.lock"


def missing(what: str) -> None:
    """On CI its absence fails the test, elsewhere it skips it."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def node() -> str:
    """The address of Node, with its packages."""
    found = shutil.which("node")
    if found is None or not NODE.exists():
        missing("Node's clients are not there; get them with: npm ci --ignore-scripts --prefix tests/node")
    assert found is not None
    return found


def python(tool: str) -> str:
    """The address of a tool in the environment of its own."""
    if not (PYTHON / tool).exists():
        missing(f"{tool} is not there; get it with: {GET_PYTHON}")
    return str(PYTHON / tool)
