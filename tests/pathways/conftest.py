"""Golden stories: ``--update-golden`` writes them anew; the difference is then read by a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

STORIES = Path(__file__).parent / "stories"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden stories anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a told story with ``stories/NAME.golden.txt``."""

    def compare(name: str, told: str) -> None:
        file = STORIES / f"{name}.golden.txt"
        if request.config.getoption("--update-golden"):
            file.write_text(told, encoding="utf-8")
        assert file.exists(), f"{file.name} is missing: run with --update-golden and read what it says"
        assert told == file.read_text(encoding="utf-8"), "the story is told otherwise: if it is right, run with --update-golden"

    return compare
