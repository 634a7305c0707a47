"""The pages for people: HTML by Jinja2, moved by htmx. One file a page; app includes this room's router."""

from __future__ import annotations

from fastapi import APIRouter

from . import conversations, desk, gate, reports, voicemail, wallboard

router = APIRouter(include_in_schema=False)
for page in (gate, desk, conversations, voicemail, reports, wallboard):
    router.include_router(page.router)

__all__ = ["router"]
