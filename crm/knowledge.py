"""Articles: written in versions, counted where they were used, answered for by their authors.

What is in force is one version of one article; older ones stay readable. They are found by knowledge_search. Called by
pages, the card, the command line.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .questions import Question, Where
from .refusals import Refusal
from .rules import bigrams
from .tables.knowledge import ARTICLE_STATES, Article, ArticleFeedback, ArticleUse, ArticleVersion

TITLE_CHARACTERS = 200
BODY_CHARACTERS = 10_000
WORD_CHARACTERS = 80
FEEDBACK_CHARACTERS = 2000

_INDEX = text(
    "UPDATE article SET terms = to_tsvector('english', :words) || to_tsvector('simple', :words) "
    "|| array_to_tsvector(CAST(:pairs AS text[])), titles = :titles, version = :version, "
    "changed_at = clock_timestamp() WHERE id = :id"
)
_FEEDBACK = text(
    """
SELECT f.id, f.article_id, a.number, f.version, f.body, f.at, f.answer, f.answered_by, f.answered_at,
       teller.name AS teller, v.title_en, v.title_zh
  FROM article_feedback f JOIN article a ON a.id = f.article_id
  JOIN article_version v ON v.article_id = a.id AND v.version = a.version
  LEFT JOIN agent teller ON teller.id = f.agent_id
 WHERE (CAST(:article_id AS uuid) IS NULL OR f.article_id = :article_id)
   AND (CAST(:author_id AS uuid) IS NULL OR a.author_id = :author_id)
   AND (NOT :open_only OR f.answered_at IS NULL)
 ORDER BY f.answered_at IS NULL DESC, f.at DESC LIMIT :limit
"""
)


class Told(Struct, frozen=True):
    """What a reader told the author."""

    id: UUID
    article_id: UUID
    number: int
    version: int
    body: str
    at: datetime
    answer: str
    answered_by: str | None
    answered_at: datetime | None
    teller: str | None
    title_en: str
    title_zh: str


class Texts(Struct, frozen=True):
    """What an article says. A language without a title is not written."""

    title_en: str = ""
    body_en: str = ""
    title_zh: str = ""
    body_zh: str = ""


async def find(session: AsyncSession, number: int) -> Article | None:
    """The article that people call by this number."""
    found: Article | None = await session.scalar(select(Article).where(Article.number == number))
    return found


async def version_of(session: AsyncSession, article: Article, version: int | None = None) -> ArticleVersion | None:
    """What it says, or said in this version."""
    return await session.get(ArticleVersion, (article.id, version or article.version))


async def versions(session: AsyncSession, article: Article) -> list[ArticleVersion]:
    """All of them, the newest first."""
    rows = select(ArticleVersion).where(ArticleVersion.article_id == article.id)
    return list(await session.scalars(rows.order_by(ArticleVersion.version.desc())))


async def write(
    session: AsyncSession,
    texts: Texts,
    *,
    by: str,
    author_id: UUID | None,
    matter: str = "",
    queue: str = "",
    state: str = "draft",
) -> Article:
    """A new article. Refusal where it says nothing, or too much."""
    texts, matter, queue = _checked(texts), _word(matter, "matter"), _word(queue, "queue")
    if state not in ARTICLE_STATES:
        raise Refusal(f"state {state!r} is unknown: it is one of {', '.join(ARTICLE_STATES)}")
    article = Article(matter=matter, queue=queue, state=state, version=1, author_id=author_id)
    session.add(article)
    await session.flush()
    await _keep(session, article, texts, by)
    return article


async def change(
    session: AsyncSession,
    article: Article,
    texts: Texts,
    *,
    seen_version: int,
    by: str,
    matter: str,
    queue: str,
    state: str,
) -> Article:
    """A new version of an article, or only another matter, queue or state. Refusal when somebody else has written one
    since `seen_version`: what they wrote is not overwritten unseen."""
    await session.refresh(article, with_for_update=True)
    if article.version != seen_version:
        latest = await version_of(session, article)
        who = latest.by if latest else "somebody"
        raise Refusal(f"{who} has written version {article.version} meanwhile: read it, then write yours")
    if state not in ARTICLE_STATES:
        raise Refusal(f"state {state!r} is unknown: it is one of {', '.join(ARTICLE_STATES)}")
    texts = _checked(texts)
    article.matter, article.queue, article.state = _word(matter, "matter"), _word(queue, "queue"), state
    before = await version_of(session, article)
    now = {name: getattr(texts, name) for name in Texts.__struct_fields__}
    await session.flush()
    if before is None or now != {name: getattr(before, name) for name in now}:
        article.version += 1
        await _keep(session, article, texts, by)
    return article


async def used(
    session: AsyncSession, article: Article, *, conversation_id: UUID, agent_id: UUID, what: str = "used"
) -> None:
    """Note that an agent opened it in this call, or says that it helped; said again, nothing changes."""
    row = {"article_id": article.id, "version": article.version, "conversation_id": conversation_id}
    put = insert(ArticleUse).values(id=func.gen_random_uuid(), agent_id=agent_id, what=what, **row)
    once = ["conversation_id", "article_id", "agent_id", "what"]
    await session.execute(put.on_conflict_do_nothing(index_elements=once))


class Helped(Struct, frozen=True):
    """An article that helped."""

    article_id: UUID


HELPED = Question(
    "SELECT article_id FROM article_use WHERE conversation_id = :conversation_id AND agent_id = :agent_id"
    " AND what = 'used'",
    Helped,
)
"""Asked with `conversation_id` and `agent_id`; `used_in` answers it."""


async def used_in(where: Where, conversation_id: UUID, agent_id: UUID) -> set[UUID]:
    """The articles that this agent says helped in this call."""
    found = await HELPED.rows(where, conversation_id=conversation_id, agent_id=agent_id)
    return {each.article_id for each in found}


async def tell(session: AsyncSession, article: Article, body: str, *, agent_id: UUID) -> ArticleFeedback:
    """Say something to the author. Refusal for nothing, or a book."""
    body = _text(body)
    if not 0 < len(body) <= FEEDBACK_CHARACTERS:
        raise Refusal(f"say it in 1 to {FEEDBACK_CHARACTERS} characters")
    told = ArticleFeedback(article_id=article.id, version=article.version, agent_id=agent_id, body=body)
    session.add(told)
    await session.flush()
    return told


async def answer(session: AsyncSession, feedback_id: UUID, reply: str, *, by: str) -> ArticleFeedback:
    """Answer a reader; that closes it. Refusal when it is none, or answered already."""
    told = await session.get(ArticleFeedback, feedback_id, with_for_update=True)
    if told is None:
        raise Refusal("there is no such feedback")
    if told.answered_at is not None:
        raise Refusal(f"{told.answered_by} has answered this already")
    told.answer, told.answered_by = _text(reply)[:FEEDBACK_CHARACTERS], by
    told.answered_at = await session.scalar(select(func.clock_timestamp()))
    await session.flush()
    return told


async def feedback(
    session: AsyncSession,
    *,
    article_id: UUID | None = None,
    author_id: UUID | None = None,
    open_only: bool = False,
    limit: int = 100,
) -> list[Told]:
    """What readers told, what is open first; of one article, or of all of one author."""
    asked = {"article_id": article_id, "author_id": author_id, "open_only": open_only, "limit": limit}
    return [Told(**row) for row in (await session.execute(_FEEDBACK, asked)).mappings()]


async def _keep(session: AsyncSession, article: Article, texts: Texts, by: str) -> None:
    row = {name: getattr(texts, name) for name in Texts.__struct_fields__}
    session.add(ArticleVersion(article_id=article.id, version=article.version, by=by, **row))
    await session.flush()
    everything = " ".join(row.values())
    said = {
        "words": " ".join(bigrams.words(everything)),
        # No parser in between: what Postgres takes for a letter depends on the database's locale.
        "pairs": list({*bigrams.bigrams(everything), *bigrams.singles(everything)}),
        "titles": bigrams.plain(f"{texts.title_en} {texts.title_zh}"),
    }
    await session.execute(_INDEX, {**said, "version": article.version, "id": article.id})
    await session.refresh(article)


def _checked(texts: Texts) -> Texts:
    kept = Texts(*(_text(getattr(texts, name)) for name in Texts.__struct_fields__))
    if not kept.title_en and not kept.title_zh:
        raise Refusal("an article needs a title in English or Chinese")
    for title, body, language in (
        (kept.title_en, kept.body_en, "English"),
        (kept.title_zh, kept.body_zh, "Chinese"),
    ):
        if body and not title:
            raise Refusal(f"the {language} text needs a title")
        if len(title) > TITLE_CHARACTERS or "\n" in title:
            raise Refusal(f"a title is one line of {TITLE_CHARACTERS} characters at most")
        if len(body) > BODY_CHARACTERS:
            raise Refusal(f"the {language} text has {len(body)} characters: {BODY_CHARACTERS} fit")
    return kept


def _text(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(each for each in lines if each.isprintable() or each in "\n\t").strip()


def _word(word: str, what: str) -> str:
    word = word.strip()
    if len(word) > WORD_CHARACTERS or not word.isprintable():
        raise Refusal(f"a {what} is a word of {WORD_CHARACTERS} characters at most")
    return word
