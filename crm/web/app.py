"""The web application: pages, api, live streams, health, put together on one database and one set of settings.

Called by `serve` (the service `kefu web`) and by tests. Imports no bridge and no voice menu: the pages read rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import structlog
from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute

from crm import metrics
from crm.cancelling import cancelled
from crm.database import Database
from crm.deeds.voicemail import measure
from crm.notice_board import NoticeBoard
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.waiting_worth import WaitingWorth
from crm.wallboard import Wallboard

from . import health
from .api import router as api
from .api.v1 import PREFIX, create_door
from .counting import Counting
from .errors import answer_errors
from .headers import Headers
from .live import Live
from .masked_answers import MaskedAnswers
from .oidc import Provider
from .outcome_words import OutcomeWords
from .pages import call_me_frame
from .pages import router as pages
from .rendering import Pages
from .sign_in import refuse_forgery
from .static_files import static_files
from .throttle import Throttle
from .uploads import Uploads

_log = structlog.get_logger(__name__)

FAILURES_A_LOGIN = 5
FAILURES_AN_ADDRESS = 50  # a call center often stands behind one address
FAILURE_WINDOW_S = 300.0
CHORES_EVERY_S = 2.0


def create_app(settings: Settings, database: Database | None = None) -> FastAPI:
    """The application. `database`: an open one that the caller closes; else one is opened on settings.database_url.

    Raises Refusal when there is no database address, or the pages' files were never built.
    """
    own = database is None
    if database is None:
        if settings.database_url is None:
            raise Refusal("no database: set database_url (KEFU_DATABASE_URL), or let `kefu up` run one")
        database = Database(settings.database_url, application_name="kefu-web")

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        live: Live = app.state.live
        app.state.tasks = [
            asyncio.create_task(live.listen()),
            asyncio.create_task(live.watch_sight()),
            asyncio.create_task(_do_chores(app)),
        ]
        try:
            yield
        finally:
            live.end()
            await cancelled(*app.state.tasks)
            if own:
                await app.state.database.close()

    app = FastAPI(
        title="Kefu",
        description="The call-center layer for Asterisk: what integrators may ask, signed in like a person.",
        version="1",
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.settings = settings
    app.state.database = database
    app.state.wallboard = wallboard = Wallboard(database, settings.zone, soon_s=settings.callback_risk_minutes * 60)
    app.state.notices = notices = NoticeBoard(settings.zone, short_s=settings.voicemail_short_seconds)

    app.state.waiting_worth = worth = WaitingWorth()
    app.state.outcomes = outcomes = OutcomeWords()

    def changed() -> None:
        worth.changed()
        wallboard.changed()

    def changed_beside() -> None:
        outcomes.changed()
        notices.changed()

    app.state.live = Live(
        database, heartbeat_s=settings.heartbeat_seconds, changed=changed, changed_beside=changed_beside
    )
    app.state.uploads = Uploads(database)
    app.state.pages = Pages(settings.zone, outcomes)
    app.state.checking = asyncio.Semaphore(2)  # argon2 takes 64 MB and a core: guessing must not starve the calls
    app.state.judging = asyncio.Lock()  # of one-time codes, one at a time: each sees how the one before it ended
    app.state.by_login = Throttle(allowed=FAILURES_A_LOGIN, window_s=FAILURE_WINDOW_S)
    app.state.oidc = Provider(settings) if settings.oidc_issuer else None
    app.state.by_code = Throttle(allowed=FAILURES_A_LOGIN, window_s=FAILURE_WINDOW_S)
    app.state.by_address = Throttle(allowed=FAILURES_AN_ADDRESS, window_s=FAILURE_WINDOW_S)
    answer_errors(app)
    app.add_middleware(MaskedAnswers)
    app.add_middleware(Headers, secure=settings.secure_cookies, framed_by=settings.callback_widget_sites)
    app.add_middleware(Counting)
    metrics.web().streams.set_function(lambda: app.state.live.open_streams)
    app.router.routes.extend(_doors())
    app.mount(PREFIX, create_door(app.state))
    app.mount("/static", static_files())
    return app


@cache
def _doors() -> list[BaseRoute]:
    """What all applications of this process share: to work out what each route depends on takes half a second."""
    together = APIRouter()
    together.include_router(health.router)
    together.include_router(call_me_frame.router)  # no cookies, so no token of theirs: it looks at the origin itself
    for door in (pages, api):
        together.include_router(door, dependencies=[Depends(refuse_forgery, scope="function")])
    return together.routes


async def _do_chores(app: FastAPI) -> None:
    """What nobody asks for: know what outcomes are called, note how long new recordings play. This process has the
    files, because it serves them; all other work in the background is the worker's."""
    database: Database = app.state.database
    while True:
        try:
            async with database.reading() as session:
                await app.state.outcomes.look(session)
            await measure(database, app.state.settings)
        except CrmUnavailable:
            pass  # the next round finds the same rows
        except Exception:  # noqa: BLE001 - one bad row must not end the pages
            _log.exception("a chore was not done")
        await asyncio.sleep(CHORES_EVERY_S)
