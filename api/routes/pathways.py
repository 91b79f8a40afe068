"""The published pathways."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from sqlalchemy import select

from api.depends import Session, may
from api.models.base import Model, Moment
from api.problems import not_found
from records.callers import Caller
from records.tables import PathwayVersion

router = APIRouter(prefix="/pathways", tags=["pathways"])


class VersionOut(Model):
    """A published version, named by the hash of its text. ``current``: new enrolments follow it."""

    pathway: str
    version: str
    published: Moment
    current: bool


class VersionsOut(Model):
    """By pathway, newest first."""

    items: list[VersionOut]


@router.get("", summary="Published versions")
async def list_versions(caller: Annotated[Caller, may("pathways.read")], session: Session) -> VersionsOut:
    """Every published version."""
    versions = select(PathwayVersion.pathway, PathwayVersion.version, PathwayVersion.published, PathwayVersion.current).order_by(
        PathwayVersion.pathway, PathwayVersion.published.desc()
    )
    rows = await session.execute(versions)
    return VersionsOut(items=[VersionOut(pathway=p, version=v, published=at, current=current) for p, v, at, current in rows])


@router.get("/{name}", summary="The current version's text")
async def read_pathway(caller: Annotated[Caller, may("pathways.read")], session: Session, name: str) -> Response:
    """The YAML that new enrolments follow."""
    current = select(PathwayVersion).where(PathwayVersion.pathway == name, PathwayVersion.current)
    row = (await session.scalars(current.limit(1))).first()
    if row is None:
        raise not_found()
    return Response(row.text, media_type="application/yaml", headers={"ETag": f'"{row.version}"'})
