"""What editors and other systems read of a pathway: the language's schema, and a version as a FHIR PlanDefinition.

Rule: the schema is no secret and is read by editors that have no key; everything else names its right.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Language, Session, may
from api.problems import Problem, not_found
from pathways.drawing.calendar import calendar_strip
from pathways.drawing.map import pathway_map
from pathways.engine.plan import Pathway
from pathways.exchange.plan_definition import plan_definition
from pathways.language import load_published
from pathways.language.schema import schema
from records.callers import Caller
from records.pathways import PublishedPathways

SCHEMA = "/schemas/pathway.json"
router = APIRouter(prefix="/pathways", tags=["pathways"])
open_router = APIRouter(tags=["pathways"])

Reads = Annotated[Caller, may("pathways.read")]
_RESOURCE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The resource",
        "content": {
            "application/fhir+json": {
                "schema": {"type": "object"},
                "example": {"resourceType": "PlanDefinition", "name": "Hypertension", "status": "active"},
            }
        },
    }
}


_SCHEMA: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON Schema 2020-12",
        "content": {"application/schema+json": {"schema": {"type": "object"}, "example": {"title": "a pathway"}}},
    }
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "SVG", "content": {"image/svg+xml": {"schema": {"type": "string"}, "example": "<svg>...</svg>"}}}
}


@open_router.get(SCHEMA, summary="The language's JSON Schema", response_class=Response, responses=_SCHEMA)
async def read_schema() -> Response:
    """For an editor: ``# yaml-language-server: $schema=https://YOUR-CAIRN/schemas/pathway.json`` in a document's first line."""
    return JSONResponse(schema(), media_type="application/schema+json", headers={"Cache-Control": "max-age=300"})


@router.get("/{name}/versions/{version}/plan-definition", summary="A version as FHIR", response_class=Response, responses=_RESOURCE)
async def read_plan_definition(caller: Reads, session: Session, name: str, version: str) -> Response:
    """A FHIR R4 PlanDefinition, made from what is followed; conditions are CEL (``text/cel``)."""
    pathway, retired = await _compiled(session, name, version)
    return JSONResponse(plan_definition(pathway, status="retired" if retired else "active"), media_type="application/fhir+json")


@router.get(
    "/{name}/versions/{version}/calendar.svg", summary="A year of each risk tag", response_class=Response, responses=_PICTURE
)
async def draw_calendar(caller: Reads, session: Session, name: str, version: str, lang: Language = "en") -> Response:
    """When a patient of each tag is seen, texted, examined, and their medicine asked for, if all goes to plan."""
    pathway, _ = await _compiled(session, name, version)
    return Response(calendar_strip(pathway, lang), media_type="image/svg+xml")


@router.get("/{name}/versions/{version}/map.svg", summary="Services and decisions", response_class=Response, responses=_PICTURE)
async def draw_map(caller: Reads, session: Session, name: str, version: str, lang: Language = "en") -> Response:
    """Services, the tables they ask, the rows in their order, what each concludes, and what follows."""
    pathway, _ = await _compiled(session, name, version)
    return Response(pathway_map(pathway, lang), media_type="image/svg+xml")


async def _compiled(session: AsyncSession, name: str, version: str) -> tuple[Pathway, bool]:
    """The version, and whether it is retired. Raises Problem 404, 409."""
    row = await PublishedPathways(session).one(name, version)
    if row is None:
        raise not_found()
    pathway = load_published(row.text, file=name).pathway
    if pathway is None:
        raise Problem(409, "This version does not compile with the present Cairn; read its text instead.")
    return pathway, row.retired is not None
