"""The public page on which anybody may ask to be called back: `/call-me`, where the site offers it
(`callback_page_queues`). A web site links to it; to have it inside its own page it embeds pages/call_me_frame.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from crm.web.sign_in import language_of
from crm.web.stranger_asks import Asked, answer, asked_by_form, nothing_asked, queues_offered

from .show import show

router = APIRouter(prefix="/call-me")


@router.get("")
async def page(request: Request) -> Response:
    """The form."""
    queues = await queues_offered(request)
    status = 200 if queues else 404
    return show(request, "call_me.html", None, status=status, action="/call-me", **nothing_asked(queues))


@router.post("")
async def ask(request: Request, asked: Annotated[Asked, Depends(asked_by_form)]) -> Response:
    """What would be promised; confirmed, the promise: when the phone will ring; or one sentence why not."""
    queues = await queues_offered(request)
    found = await answer(request, asked, queues, language=language_of(request, None), by="web page")
    told = show(request, "call_me.html", None, status=found.status, action="/call-me", **found.context)
    if found.retry_s:
        told.headers["Retry-After"] = str(int(found.retry_s) + 1)
    return told
