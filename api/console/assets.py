"""What the pages load: our stylesheet and scripts, and the libraries beside them, all from here.

Rule: an address changes with its content, so that a browser may keep what it has for good.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from api.problems import not_found

FOLDER = Path(__file__).with_name("static")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain"}
FOR_GOOD = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@cache
def asset(name: str) -> str:
    """The address of ``static/name``. Raises KeyError for one that there is not."""
    return f"/static/{_mark(name)}/{name}"


@cache
def _mark(name: str) -> str:
    return sha256(_files()[name]).hexdigest()[:12]


@cache
def _files() -> dict[str, bytes]:
    found = (path for path in FOLDER.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in found}


@router.get("/static/{mark}/{name:path}")
async def static(mark: str, name: str) -> Response:
    """One of them. Scripts name each other without a mark (``import "./x.js"``), which stays the same for one version of all."""
    files = _files()
    if name not in files:
        raise not_found()
    kept = FOR_GOOD if mark in (_mark(name), mark_of_all()) else "no-cache"
    return Response(files[name], media_type=TYPES[Path(name).suffix], headers={"Cache-Control": kept})


@cache
def mark_of_all() -> str:
    """Changes when any script does: a module that imports another is asked for by this, and the other with it."""
    whole = sha256()
    for name, content in sorted(_files().items()):
        whole.update(name.encode() + sha256(content).digest())
    return whole.hexdigest()[:12]


def script(name: str) -> str:
    """The address of a module that may import others beside it."""
    if name not in _files():
        raise KeyError(name)
    return f"/static/{mark_of_all()}/{name}"
