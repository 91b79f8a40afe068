"""What the terminal shows: a bar of the year and a line a week; plain lines where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Show:
    """Lines and progress from ``start`` to ``until``."""

    def __init__(self, console: Console, start: datetime, until: datetime) -> None:
        self._console, self._start, self._until = console, start, until
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(None), TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._task = self._bar.add_task("", total=max(1.0, (self._until - self._start).total_seconds()))
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, now: datetime) -> None:
        """Time stands at ``now``."""
        if self._bar is not None and self._task is not None:
            done = (now - self._start).total_seconds()
            self._bar.update(self._task, completed=done, description=f"{now:%a %d %b %Y %H:%M}")

    def line(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, highlight=self._console.is_terminal, markup=False, soft_wrap=True)

    def lines(self, texts: Iterable[str]) -> None:
        """Lines that stay."""
        for text in texts:
            self.line(text)
