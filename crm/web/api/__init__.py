"""The REST door for integrators: OpenAPI at /api/openapi.json. One file a subject; app includes this room's router."""

from __future__ import annotations

from fastapi import APIRouter

from . import conversations, me

router = APIRouter(prefix="/api", tags=["kefu"])
for subject in (me, conversations):
    router.include_router(subject.router)

__all__ = ["router"]
