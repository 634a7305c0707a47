"""The knowledge base: search and read, write with a preview, older versions, what readers say and its answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import knowledge, knowledge_search
from crm.database import Database
from crm.deeds.write_article import write_article
from crm.knowledge import Texts
from crm.refusals import CrmUnavailable, Refusal
from crm.rules.plain_markdown import to_html
from crm.tables.knowledge import ARTICLE_STATES, Article
from crm.tables.queues import Queue
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading, Writing
from crm.web.sign_in import Me

from .card_more import in_language
from .show import show

router = APIRouter(prefix="/knowledge")

ARTICLES_SHOWN = 100
Word = Annotated[str, Query(max_length=200)]
Title = Annotated[str, Form(max_length=2 * knowledge.TITLE_CHARACTERS)]
Body = Annotated[str, Form(max_length=knowledge.BODY_CHARACTERS)]
Short = Annotated[str, Form(max_length=2 * knowledge.WORD_CHARACTERS)]
Reader = Annotated[Me, allowed("knowledge.read")]
Writer = Annotated[Me, allowed("knowledge.edit")]


@router.get("")
async def listed(
    request: Request, me: Reader, session: Reading, words: Word = "", matter: Word = "", queue: Word = "", of: Word = ""
) -> Response:
    """Articles by words, matter and queue. Who writes them also sees drafts and what was retired (`of`)."""
    writes = me.may("knowledge.edit")
    state = of if writes and of in ARTICLE_STATES else "published"
    words, matter, queue = (each.replace("\x00", "") for each in (words, matter, queue))
    found = await knowledge_search.search(
        session, words, state=state, of_matter=matter or None, of_queue=queue or None, limit=ARTICLES_SHOWN
    )
    context = {
        "found": found,
        "words": words,
        "matter": matter,
        "queue": queue,
        "of": state,
        "matters": await knowledge_search.matters(session),
        "queues": await _queues(session, me),
        "states": ARTICLE_STATES,
        "feedback": await knowledge.feedback(session, author_id=me.agent_id, open_only=True) if writes else [],
    }
    return _show(request, "knowledge/list.html", me, **context)


@router.get("/new")
async def new(request: Request, me: Writer, session: Reading) -> Response:
    """An empty editor."""
    return await _editor(request, session, me, None, Texts(), {"matter": "", "queue": "", "state": "draft"}, 0)


@router.post("/preview")
async def preview(request: Request, me: Writer, body_en: Body = "", body_zh: Body = "") -> Response:
    """How the texts will look, while they are being written."""
    return _show(request, "knowledge/preview.html", me, english=_prose(body_en), chinese=_prose(body_zh))


@router.post("/new")
async def write(
    request: Request,
    me: Writer,
    title_en: Title = "",
    body_en: Body = "",
    title_zh: Title = "",
    body_zh: Body = "",
    matter: Short = "",
    queue: Short = "",
    state: Short = "draft",
) -> Response:
    """A new article."""
    about = {"matter": matter, "queue": queue, "state": state}
    return await _save(request, me, None, Texts(title_en, body_en, title_zh, body_zh), about, 0)


@router.get("/{number}")
async def read(
    request: Request, number: int, me: Reader, session: Reading, version: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Response:
    """One article; who writes them sees older versions and feedback, too."""
    return await _read(request, session, me, await _article(session, me, number), version)


@router.get("/{number}/edit")
async def edit(request: Request, number: int, me: Writer, session: Reading) -> Response:
    """The editor of an article, with what is in force."""
    article = await _article(session, me, number)
    words = await knowledge.version_of(session, article)
    texts = Texts(*(getattr(words, name) for name in Texts.__struct_fields__)) if words else Texts()
    about = {"matter": article.matter, "queue": article.queue, "state": article.state}
    return await _editor(request, session, me, number, texts, about, article.version)


@router.post("/{number}/edit")
async def change(
    request: Request,
    number: int,
    me: Writer,
    seen: Annotated[int, Form()],
    title_en: Title = "",
    body_en: Body = "",
    title_zh: Title = "",
    body_zh: Body = "",
    matter: Short = "",
    queue: Short = "",
    state: Short = "draft",
) -> Response:
    """A new version. Refused when somebody else wrote one meanwhile; what was typed stays in the editor."""
    about = {"matter": matter, "queue": queue, "state": state}
    return await _save(request, me, number, Texts(title_en, body_en, title_zh, body_zh), about, seen)


@router.post("/{number}/feedback")
async def tell(
    request: Request,
    number: int,
    me: Annotated[Me, allowed("knowledge.feedback")],
    session: Writing,
    body: Annotated[str, Form(max_length=2 * knowledge.FEEDBACK_CHARACTERS)],
) -> Response:
    """Tell the author something."""
    article = await _article(session, me, number)
    try:
        await knowledge.tell(session, article, body, agent_id=me.agent_id)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        return await _read(request, session, me, article, 0, notice=str(refused))
    return await _read(request, session, me, article, 0, told=True)


@router.post("/feedback/{feedback_id}")
async def answer(
    request: Request,
    feedback_id: UUID,
    me: Writer,
    session: Writing,
    answer: Annotated[str, Form(max_length=2 * knowledge.FEEDBACK_CHARACTERS)] = "",
) -> Response:
    """Answer a reader; that closes it."""
    told = await knowledge.answer(session, feedback_id, answer, by=me.login)
    article = await session.get_one(Article, told.article_id)
    return RedirectResponse(f"/knowledge/{article.number}", status_code=303)


async def _save(
    request: Request, me: Me, number: int | None, texts: Texts, about: dict[str, str], seen: int
) -> Response:
    database: Database = request.app.state.database
    given = {"en": (texts.title_en, texts.body_en), "zh": (texts.title_zh, texts.body_zh)}
    try:
        async with database.transaction() as session:
            more = {"login": me.login, "seen_version": seen, **about}
            article = await write_article(session, number, given, **more)  # type: ignore[arg-type]
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with database.reading() as session:
            return await _editor(request, session, me, number, texts, about, seen, notice=str(refused))
    return RedirectResponse(f"/knowledge/{article.number}", status_code=303)


async def _read(
    request: Request, session: AsyncSession, me: Me, article: Article, version: int, **more: Any
) -> Response:
    writes = me.may("knowledge.edit")
    words = await knowledge.version_of(session, article, version if writes and version else None)
    if words is None:
        raise NotThere("there is no such article")
    title, body = in_language(words, me.language)
    context: dict[str, Any] = {
        "article": article,
        "words": words,
        "title": title,
        "body": body,
        "versions": await knowledge.versions(session, article) if writes else [],
        "feedback": await knowledge.feedback(session, article_id=article.id) if writes else [],
        "told": False,
        "notice": None,
    }
    return _show(request, "knowledge/read.html", me, **{**context, **more})


async def _editor(
    request: Request,
    session: AsyncSession,
    me: Me,
    number: int | None,
    texts: Texts,
    about: dict[str, str],
    seen: int,
    notice: str | None = None,
) -> Response:
    context = {
        "number": number,
        "texts": texts,
        "about": about,
        "seen": seen,
        "notice": notice,
        "matters": await knowledge_search.matters(session),
        "queues": await _queues(session, me),
        "states": ARTICLE_STATES,
        "english": _prose(texts.body_en),
        "chinese": _prose(texts.body_zh),
    }
    return _show(request, "knowledge/edit.html", me, **context)


async def _article(session: AsyncSession, me: Me, number: int) -> Article:
    article = await knowledge.find(session, number) if 0 < number < 2**31 else None
    if article is None or (article.state != "published" and not me.may("knowledge.edit")):
        raise NotThere("there is no such article")
    return article


async def _queues(session: AsyncSession, me: Me) -> Any:
    title = Queue.title_zh if me.language == "zh" else Queue.title_en
    return (await session.execute(select(Queue.name, title.label("title")).order_by(Queue.name))).all()


def _prose(text: str) -> Markup:
    return Markup(to_html(text))  # noqa: S704 - every character that is not the rule's own is escaped


def _show(request: Request, template: str, me: Me, **context: Any) -> Response:
    return show(request, template, me, now=datetime.now(request.app.state.settings.zone), **context)
