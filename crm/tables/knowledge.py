"""Articles that agents read while they talk, their versions, where they were used, what readers say of them. Written by
the web and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

ARTICLE_STATES = ("draft", "published", "retired")
USES = ("opened", "used")


class Article(Table):
    """One article. `number` is what people say; `version` the one in force; `matter` and `queue` ('' for any) say when
    it is offered. `terms`: words of both languages, Chinese by bigrams, as rules/bigrams makes them; `titles`: both
    titles in lower case, for words half remembered."""

    __tablename__ = "article"
    __table_args__ = (
        one_of("state", ARTICLE_STATES),
        Index("ix_article_terms", "terms", postgresql_using="gin"),
        Index("ix_article_queue", "queue", "matter"),
    )

    id: Mapped[Id]
    number: Mapped[int] = mapped_column(Identity(start=1), unique=True)
    matter: Mapped[str] = mapped_column(server_default=text("''"))
    queue: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'draft'"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"))
    terms: Mapped[str] = mapped_column(TSVECTOR, server_default=text("''"))
    titles: Mapped[str] = mapped_column(server_default=text("''"))
    changed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ArticleVersion(Table):
    """What an article said, in both languages; a language without a title is not written."""

    __tablename__ = "article_version"

    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    title_en: Mapped[str] = mapped_column(server_default=text("''"))
    body_en: Mapped[str] = mapped_column(server_default=text("''"))
    title_zh: Mapped[str] = mapped_column(server_default=text("''"))
    body_zh: Mapped[str] = mapped_column(server_default=text("''"))
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ArticleUse(Table):
    """An agent read an article in a call (opened), or says that it helped (used). Once each for an agent and a call;
    no key holds the call, which the bridge writes in its own time."""

    __tablename__ = "article_use"
    __table_args__ = (
        one_of("what", USES),
        Index("uq_article_use_once", "conversation_id", "article_id", "agent_id", "what", unique=True),
        Index("ix_article_use_article_id", "article_id", "at"),
    )

    id: Mapped[Id]
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    version: Mapped[int]
    conversation_id: Mapped[UUID]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    what: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ArticleFeedback(Table):
    """What a reader tells the author. Open until somebody answered it."""

    __tablename__ = "article_feedback"
    __table_args__ = (Index("ix_article_feedback_open", "article_id", postgresql_where=text("answered_at IS NULL")),)

    id: Mapped[Id]
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    version: Mapped[int]
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"))
    body: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    answer: Mapped[str] = mapped_column(server_default=text("''"))
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]
