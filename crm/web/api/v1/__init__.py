"""The REST door for other systems, under /api/v1: tokens with scopes, problem+json, ETags, keys, cursors.

An application of its own inside the pages' one, because it answers refusals in its own manner and knows no cookie; its
OpenAPI document is at /api/v1/openapi.json and names every answer. One file a subject.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from . import agent_pauses, callbacks, cases, conversations, customers, events, floor, orders
from .asking import Doorkeeper, scopes_of
from .problems import Problem, answer_problems

PREFIX = "/api/v1"
SUBJECTS = (customers, orders, conversations, cases, callbacks, floor, agent_pauses, events)


def create_door(state: Any) -> FastAPI:
    """The application; `state` is the one of the pages' application, with `database` and `settings`."""
    door = FastAPI(
        title="Kefu",
        version="1",
        description="What other systems may ask of the call center. Events are sent by webhooks: docs/integrations.md.",
        docs_url=None,
        redoc_url=None,
        root_path_in_servers=True,
        separate_input_output_schemas=False,
    )
    door.state.database, door.state.settings = state.database, state.settings
    door.state.doorkeeper = Doorkeeper()
    answer_problems(door)
    door.router.routes.extend(_doors())

    def document() -> dict[str, Any]:
        if door.openapi_schema is None:
            door.openapi_schema = _document(door)
        return door.openapi_schema

    door.openapi = document  # type: ignore[method-assign]
    return door


@cache
def _doors() -> list[BaseRoute]:
    """What all applications of this process share: working it out takes longer than most answers."""
    together = APIRouter()
    for subject in SUBJECTS:
        together.include_router(subject.router)
    return together.routes


def _document(door: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=door.title,
        version=door.version,
        description=door.description,
        routes=door.routes,
        servers=[{"url": PREFIX}],
    )
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for route in routes():
        for method in route.methods or ():
            said = document["paths"][route.path][method.lower()]
            said["description"] = f"{said.get('description', '')}\n\nScope: `{', '.join(sorted(scopes_of(route)))}`."
    return document


def routes() -> list[APIRoute]:
    """Every route of this door."""
    return [route for subject in SUBJECTS for route in subject.router.routes if isinstance(route, APIRoute)]


__all__ = ["PREFIX", "create_door", "routes"]
