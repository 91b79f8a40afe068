"""The pathway language: a YAML document in, a compiled pathway or located errors out.

Rule 1: any text whatever gives a result; nothing here raises because of what a coordinator typed.
Rule 2: a pathway with an error is not handed out; with warnings it is.
"""

from __future__ import annotations

from pathways.language.catalogue import Catalogue, Loaded, Stories, library, load, load_published, load_stories
from pathways.language.errors import Location, PathwayError, report

__all__ = [
    "Catalogue",
    "Loaded",
    "Location",
    "PathwayError",
    "Stories",
    "library",
    "load",
    "load_published",
    "load_stories",
    "report",
]
