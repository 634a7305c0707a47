"""A page's answer: the template in the reader's language, with what every page needs. Called by the pages alone."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from crm.rules import masks
from crm.web.rendering import Pages
from crm.web.rights import hidden_from
from crm.web.sign_in import GATE_COOKIE_S, Me, gate_token, language_of, set_cookie


def show(request: Request, template: str, me: Me | None, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render for whoever asks. A browser nobody is signed in at also gets its forgery cookie here."""
    pages: Pages = request.app.state.pages
    token = me.csrf if me else gate_token(request)
    settings = request.app.state.settings
    everywhere = {
        "sso": settings.oidc_title if settings.oidc_issuer else None,
        "me": me,
        "csrf": token,
        "here": request.url.path,
    }
    seen = masks.view(context, hidden_from(request, me))
    page = pages.render(language_of(request, me), template, everywhere | seen)
    answer = HTMLResponse(page, status_code=status, headers={"Vary": "Accept-Language, Cookie"})
    if me is None:
        set_cookie(answer, request.app.state.settings, "kefu-gate", token, GATE_COOKIE_S)
    return answer
