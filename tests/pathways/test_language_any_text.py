"""Whatever somebody types, the check answers with places and remedies, never with a fault of its own."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pathways.language import load, load_stories, report, source
from pathways.language.document import Broken
from pathways.shipped import LIBRARY, document_names

TEXT = (LIBRARY / "hypertension.yaml").read_text(encoding="utf-8")
LINES = TEXT.split("\n")
WORDS = sorted(set(re.findall(r"[\w.-]+|[^\w\s]", TEXT)))
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["{", "}", "[", "]", ": ", "- ", "\n", "  ", "&a", "*a", "!x", "|", ">", "'", '"', "null", "{{", "{%"]),
    st.sampled_from(["1e999", "-1", "[]", "{}", "9" * 400, "0x1F", ".nan", "\t", "#"]),
    st.text(max_size=6),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The hypertension pathway with a few lines lost, doubled or moved and some words replaced."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                del lines[at : at + draw(st.integers(1, 9))]
            case 1:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 2:
                lines[at] = " " * draw(st.integers(0, 4)) + lines[at]
            case 3:
                lines[at] = re.sub(r":.*", lambda _: ": " + draw(PIECES), lines[at], count=1)
            case _:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(PIECES) + lines[at][cut + draw(st.integers(0, 3)) :]
        lines = lines or [""]
    return "\n".join(lines)


@settings(max_examples=60, deadline=20_000, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_a_damaged_pathway_gets_located_errors(text: str) -> None:
    count = text.count("\n") + 1
    for problem in load(text, file="x.yaml").problems:
        assert problem.at.file == "x.yaml"
        assert 1 <= problem.at.line <= count + 1
        assert problem.at.column >= 1
        assert problem.what
        assert problem.remedy


@settings(max_examples=60, deadline=20_000, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_the_quick_reader_reads_what_the_explaining_one_does_or_leaves_it_to_it(text: str) -> None:
    try:
        quick = source.quickly(text, "x.yaml")
    except Broken:  # nested too deeply
        return
    if quick is None:
        return
    explained = source.explaining(text, "x.yaml")
    assert (quick.data, quick.places) == (explained.data, explained.places)


def test_every_shipped_document_is_read_quickly() -> None:
    for name in document_names():
        assert source.quickly((LIBRARY / f"{name}.yaml").read_text(encoding="utf-8"), name) is not None, name


@settings(max_examples=25, deadline=20_000)
@given(st.text(max_size=300) | st.lists(PIECES, max_size=40).map(" ".join))
def test_any_text_at_all_gets_an_answer(text: str) -> None:
    assert report(load(text, file="x.yaml").problems)
    load_stories(text, file="x.yaml", pathways={})
