"""What the caller's card fetches once it is painted: whether they call again, articles that fit, their timeline.

Apart from the desk's picture on purpose: no ring waits for any of this.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customer_facts, knowledge, knowledge_search, notes
from crm.database import Database
from crm.questions import Asked, Question, Where, ask
from crm.refusals import CrmUnavailable, Refusal
from crm.reports import customer_timeline, repeats
from crm.reports.customer_timeline import timeline
from crm.rules.plain_markdown import to_html
from crm.tables.customers import Customer
from crm.tables.knowledge import Article
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading, Writing
from crm.web.sign_in import Me

from .show import show

router = APIRouter()

ARTICLES_SHOWN = 6


class About(Struct, frozen=True):
    """What a call is about, as far as menu and queue know."""

    matter: str = ""
    queue: str = ""


class Title(Struct, frozen=True):
    """What a queue is called."""

    name: str
    title: str


_CALL = Question(
    """
SELECT coalesce((SELECT f.matter FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid), '') AS matter,
       coalesce((SELECT w.queue FROM wait w WHERE w.conversation_id = c.id AND w.queue NOT LIKE 'seat-%'
                  ORDER BY w.entered_at DESC LIMIT 1), '') AS queue
  FROM conversation c WHERE c.id = :id
""",
    About,
)
_TITLES = Question(
    "SELECT name, CASE WHEN CAST(:language AS text) = 'zh' THEN title_zh ELSE title_en END AS title FROM queue", Title
)
Words = Annotated[str, Query(max_length=200)]


@router.get("/desk/card/{conversation_id}/more")
async def more(
    request: Request,
    conversation_id: UUID,
    me: Annotated[Me, allowed("timeline.read")],
    customer: UUID | None = None,
) -> Response:
    """Repeat, knowledge and timeline of one card, in one answer: two round trips, for it comes after every ring."""
    database: Database = request.app.state.database
    whose: list[Asked[Any]] = []
    if customer:
        whose = [customer_timeline.whose(customer), customer_facts.OF_CUSTOMER.with_(customer_id=customer)]
    calls, titles, helped, *known = await ask(
        database,
        _CALL.with_(id=conversation_id),
        _TITLES.with_(language=me.language),
        knowledge.HELPED.with_(conversation_id=conversation_id, agent_id=me.agent_id),
        *whose,
    )
    about = calls[0] if calls else About()
    mine = known[0][0] if known else None
    articles, repeat, *pages = await ask(
        database,
        knowledge_search.FITTING.with_(matter=about.matter, queue=about.queue, limit=ARTICLES_SHOWN),
        repeats.asked_of(conversation_id, mine.e164 if mine else ()),
        *([customer_timeline.page_of(customer, mine, **_bound(me))] if customer and mine else ()),
    )
    context: dict[str, Any] = {
        "conversation": conversation_id,
        "customer": customer,
        "found": articles,
        "helped": {each.article_id for each in helped},
        "titles": {each.name: each.title for each in titles},
        "repeat": repeats.repeat_in(repeat),
    }
    if pages:
        context |= {"page": customer_timeline.page(pages[0]), "facts": known[1], "notice": None}
    return _show(request, "desk/card/loaded.html", me, **context)


@router.get("/timeline/{customer}")
async def stream(
    request: Request,
    customer: UUID,
    me: Annotated[Me, allowed("timeline.read")],
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    rows: bool = False,
) -> Response:
    """One customer's timeline; with `rows` the entries behind a cursor alone."""
    context = await _timeline(request.app.state.database, me, customer, cursor)
    template = "desk/card/timeline_rows.html" if rows else "desk/card/timeline.html"
    return _show(request, template, me, customer=customer, conversation=None, **context)


@router.post("/timeline/{customer}/notes")
async def note(
    request: Request,
    customer: UUID,
    me: Annotated[Me, allowed("customer.edit")],
    body: Annotated[str, Form(max_length=2 * notes.NOTE_CHARACTERS)],
    conversation: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Write a note into the timeline, and show it."""
    database: Database = request.app.state.database
    notice, call = None, _uuid(conversation)
    try:
        async with database.transaction() as session:
            if await session.get(Customer, customer) is None:
                raise NotThere("there is no such customer")
            await notes.write(session, customer, body, author=me.login, conversation_id=call)
    except (CrmUnavailable, NotThere):
        raise
    except Refusal as refused:
        notice = str(refused)
    if "hx-request" not in request.headers:
        return RedirectResponse("/desk", status_code=303)
    context = await _timeline(database, me, customer)
    context |= {"customer": customer, "conversation": call, "notice": notice}
    return _show(request, "desk/card/timeline.html", me, **context)


@router.get("/knowledge/call/{conversation_id}/found")
async def found(
    request: Request,
    conversation_id: UUID,
    me: Annotated[Me, allowed("knowledge.read")],
    session: Reading,
    words: Words = "",
) -> Response:
    """Articles for what is being typed."""
    context = await _articles(session, me, conversation_id, words)
    return _show(request, "desk/card/knowledge_found.html", me, **context)


@router.post("/knowledge/call/{conversation_id}/{number}")
async def read(
    request: Request,
    conversation_id: UUID,
    number: int,
    me: Annotated[Me, allowed("knowledge.read")],
    session: Writing,
    helped: Annotated[bool, Form()] = False,
) -> Response:
    """An article opened in a call, which is noted; with `helped`, that it helped."""
    article = await _article(session, number)
    what = "used" if helped else "opened"
    await knowledge.used(session, article, conversation_id=conversation_id, agent_id=me.agent_id, what=what)
    return await _read(request, session, me, conversation_id, article)


@router.post("/knowledge/call/{conversation_id}/{number}/feedback")
async def tell(
    request: Request,
    conversation_id: UUID,
    number: int,
    me: Annotated[Me, allowed("knowledge.feedback")],
    session: Writing,
    body: Annotated[str, Form(max_length=2 * knowledge.FEEDBACK_CHARACTERS)],
) -> Response:
    """Tell the author something while the call goes on."""
    article, notice = await _article(session, number), None
    try:
        await knowledge.tell(session, article, body, agent_id=me.agent_id)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        notice = str(refused)
    return await _read(request, session, me, conversation_id, article, told=notice is None, notice=notice)


async def _read(
    request: Request,
    session: AsyncSession,
    me: Me,
    conversation_id: UUID,
    article: Article,
    told: bool = False,
    notice: str | None = None,
) -> Response:
    words = await knowledge.version_of(session, article)
    helped = article.id in await knowledge.used_in(session, conversation_id, me.agent_id)
    title, body = in_language(words, me.language)
    context = {"article": article, "title": title, "body": body, "helped": helped, "told": told, "notice": notice}
    return _show(request, "desk/card/knowledge_read.html", me, conversation=conversation_id, **context)


def in_language(words: Any, language: str) -> tuple[str, Markup]:
    """Title and body of a version in this language, else in the other."""
    chinese = bool(words.title_zh) if language == "zh" else not words.title_en
    title, body = (words.title_zh, words.body_zh) if chinese else (words.title_en, words.body_en)
    return title, Markup(to_html(body))  # noqa: S704 - rules/plain_markdown escapes every character that is not its own


async def _articles(session: AsyncSession, me: Me, conversation_id: UUID, words: str) -> dict[str, Any]:
    call = await _CALL.first(session, id=conversation_id) or About()
    fitting: dict[str, Any] = {"only_fitting": not words.strip(), "limit": ARTICLES_SHOWN}
    return {
        "conversation": conversation_id,
        "found": await knowledge_search.search(session, words, matter=call.matter, queue=call.queue, **fitting),
        "helped": await knowledge.used_in(session, conversation_id, me.agent_id),
    }


async def _timeline(where: Where, me: Me, customer: UUID, cursor: str | None = None) -> dict[str, Any]:
    page = await timeline(where, customer, cursor=cursor, **_bound(me))
    facts = [] if cursor else await customer_facts.of(where, customer)
    return {"page": page, "facts": facts, "notice": None}


def _bound(me: Me) -> dict[str, Any]:
    """What of others' calls this agent may see."""
    return {"queues": me.queues, "agent_id": me.agent_id}


async def _article(session: AsyncSession, number: int) -> Article:
    article = await knowledge.find(session, number) if 0 < number < 2**31 else None
    if article is None or article.state == "draft":
        raise NotThere("there is no such article")
    return article


def _show(request: Request, template: str, me: Me, **context: Any) -> Response:
    now = datetime.now(request.app.state.settings.zone)
    return show(request, template, me, now=now, **context)


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None
