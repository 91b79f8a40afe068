"""Pictures of a pathway: what they show is what is followed, and nothing an author wrote becomes markup."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pathways.drawing.calendar import calendar_strip, marks
from pathways.drawing.map import pathway_map
from pathways.drawing.svg import cut, wide
from pathways.engine.plan import Pathway
from pathways.language import library

SVG = "{http://www.w3.org/2000/svg}"


def _pathway(name: str) -> Pathway:
    pathway = library()[name].pathway
    assert pathway is not None
    return pathway


@pytest.mark.parametrize("language", ["en", "zh-Hans", "es"])
@pytest.mark.parametrize("name", sorted(library()))
def test_every_shipped_pathway_is_drawn_with_a_title_and_every_row_on_it(name: str, language: str) -> None:
    pathway = _pathway(name)
    for drawn in (calendar_strip(pathway, language), pathway_map(pathway, language)):
        root = ElementTree.fromstring(drawn)
        assert root.find(f"{SVG}title") is not None
        assert root.find(f"{SVG}desc") is not None
        assert not root.findall(f".//{SVG}script")
    words = set(ElementTree.fromstring(pathway_map(pathway, language)).itertext())
    assert {row.id for table in pathway.tables.values() for row in table.rows} <= words
    height = float(ElementTree.fromstring(pathway_map(pathway, language)).attrib["height"])
    lowest = [float(one.attrib["y"]) for one in ElementTree.fromstring(pathway_map(pathway, language)).iter(f"{SVG}text")]
    assert max(lowest) < height, "nothing lies below the edge"


def test_a_green_patient_is_seen_four_times_in_the_year_and_a_red_one_twenty_four_times() -> None:
    pathway = _pathway("hypertension")
    seen = {
        tag: [mark.day for mark in marks(pathway, pathway.services["follow_up"], tag) if mark.kind == "visit"]
        for tag in pathway.tags
    }
    assert (len(seen["red"]), len(seen["green"])) == (24, 4)
    assert seen["green"] == [90, 180, 270, 360]


def test_what_an_author_writes_cannot_become_markup() -> None:
    evil = '</text><script>alert("1")</script>\x00\x0b<b title=\'"'
    pathway = replace(_pathway("hypertension"), title={"en": evil})
    for drawn in (calendar_strip(pathway), pathway_map(pathway)):
        assert not ElementTree.fromstring(drawn).findall(f".//{SVG}script")
        assert "<script" not in drawn


def test_a_text_that_is_too_long_is_cut_and_said_whole_when_pointed_at() -> None:
    assert cut("short", 100) == "short"
    assert wide(cut("随访" * 40, 100), 13) <= 100
    assert cut("随访" * 40, 100).endswith("…")
