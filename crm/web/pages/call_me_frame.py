"""The form of `/call-me` inside the pages of other sites: a script that puts a button there, what it asks, and the
frame behind the button. Only sites that `callback_widget_origins` names get any of it.

No cookie is read or set, so nobody's sign-in is ever worth anything here; what makes a promise comes from our own frame
(the browser names it as the origin). That only named sites may frame it says its policy (crm/web/headers.py).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from crm.settings import Settings
from crm.web.headers import FRAME
from crm.web.language import accepted, catalog, chosen
from crm.web.rendering import STATIC, Pages
from crm.web.sign_in import ForgeryRefused
from crm.web.stranger_asks import Asked, answer, asked_by_form, nothing_asked, queues_offered

router = APIRouter(prefix="/call-me", include_in_schema=False)

OFFER_KEPT_S = 300
SCRIPT_KEPT_S = 3600
Name = Annotated[str, Query(max_length=64)]


@router.get("/widget.js")
async def script() -> Response:
    """What a site's page loads; any site may read it."""
    kept = {"Cache-Control": f"public, max-age={SCRIPT_KEPT_S}"}
    return FileResponse(STATIC / "call-me.js", media_type="text/javascript", headers=kept)


@router.get("/offer")
async def offer(request: Request, queue: Name = "", language: Name = "") -> Response:
    """Whether there is a button for this site and queue, and what it says. A site that is not named cannot read it."""
    settings: Settings = request.app.state.settings
    origin = request.headers.get("origin", "")
    if origin not in settings.callback_widget_sites:
        why = f"{origin or 'a page without an origin'} is not in callback_widget_origins"
        return JSONResponse({"error": why}, status_code=403, headers={"Vary": "Origin"})
    headers = {"Vary": "Origin", "Access-Control-Allow-Origin": origin}
    if not await queues_offered(request, queue):
        why = f"{queue or 'no queue'} is not in callback_page_queues"
        return JSONResponse({"error": why}, status_code=404, headers=headers)
    words = catalog(_language(request, language))
    _ = words.gettext
    said = {"button": _("Call me back"), "close": _("Close"), "language": _language(request, language)}
    return JSONResponse(said, headers={**headers, "Cache-Control": f"private, max-age={OFFER_KEPT_S}"})


@router.get("/frame")
async def frame(request: Request, queue: Name = "", language: Name = "") -> Response:
    """The form."""
    queues = await queues_offered(request, queue) if _embeddable(request) else []
    return _show(request, language, status=200 if queues else 404, **nothing_asked(queues))


@router.post("/frame")
async def ask(
    request: Request, asked: Annotated[Asked, Depends(asked_by_form)], queue: Name = "", language: Name = ""
) -> Response:
    """As the page /call-me does."""
    if urlsplit(request.headers.get("origin", "")).netloc != request.headers.get("host"):
        raise ForgeryRefused("this request came from another site: use the page itself")
    queues = await queues_offered(request, queue) if _embeddable(request) else []
    found = await answer(request, asked, queues, language=_language(request, language), by="widget")
    told = _show(request, language, status=found.status, **found.context)
    if found.retry_s:
        told.headers["Retry-After"] = str(int(found.retry_s) + 1)
    return told


def _show(request: Request, language: str, *, status: int, **context: object) -> HTMLResponse:
    pages: Pages = request.app.state.pages
    spoken = _language(request, language)
    everywhere = {"action": f"{FRAME}?{request.url.query}", "csrf": None}
    return HTMLResponse(pages.render(spoken, "call_me_frame.html", {**everywhere, **context}), status_code=status)


def _language(request: Request, asked: str) -> str:
    return chosen(asked[:2].lower()) or accepted(request.headers.get("accept-language"))


def _embeddable(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return bool(settings.callback_widget_sites)
