"""Whatever a slip of the pen makes of a document, its author is told where and what, and nothing falls over."""

from __future__ import annotations

from bench.mutants import shipped_texts, tried


def test_mutated_documents_are_refused_with_places_and_never_with_a_traceback() -> None:
    found = tried(range(1, 41), shipped_texts())
    assert found.documents == 40
    assert found.refused > 20
    assert (found.tracebacks, found.hangs, found.unlocated) == ([], [], [])
