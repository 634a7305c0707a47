"""An article written by hand or from a file: by somebody who may, noted in the audit. Called by pages and commands."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, audit, knowledge
from crm.knowledge import Texts
from crm.refusals import Refusal
from crm.tables.knowledge import Article

OPERATOR = "operator"


async def write_article(
    session: AsyncSession,
    number: int | None,
    given: Mapping[str, tuple[str, str]],
    *,
    matter: str | None = None,
    queue: str | None = None,
    state: str | None = None,
    login: str | None = None,
    seen_version: int | None = None,
) -> Article:
    """A new article (no `number`), or a new version of one. `given`: by language (en, zh), title and body; what is not
    given stays as it was. Refusal for an unknown number or login, or a version that somebody else has overtaken."""
    author = await agents.find(session, login) if login else None
    if login and author is None:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    by = login or OPERATOR
    if number is None:
        article = await knowledge.write(
            session,
            _texts({}, given),
            by=by,
            author_id=author.id if author else None,
            matter=matter or "",
            queue=queue or "",
            state=state or "published",
        )
    else:
        article = await _changed(session, number, given, by, matter, queue, state, seen_version)
    did = "article.write" if number is None else "article.change"
    said = {"number": article.number, "version": article.version, "state": article.state}
    await audit.note(session, by=by, did=did, subject="article", subject_id=str(article.id), detail=said)
    return article


async def _changed(
    session: AsyncSession,
    number: int,
    given: Mapping[str, tuple[str, str]],
    by: str,
    matter: str | None,
    queue: str | None,
    state: str | None,
    seen_version: int | None,
) -> Article:
    article = await knowledge.find(session, number)
    if article is None:
        raise Refusal(f"there is no article {number}")
    text = await knowledge.version_of(session, article)
    before = {name: getattr(text, name) for name in Texts.__struct_fields__} if text else {}
    return await knowledge.change(
        session,
        article,
        _texts(before, given),
        seen_version=seen_version or article.version,
        by=by,
        matter=article.matter if matter is None else matter,
        queue=article.queue if queue is None else queue,
        state=state or article.state,
    )


def _texts(before: Mapping[str, str], given: Mapping[str, tuple[str, str]]) -> Texts:
    now = dict(before)
    for language, (title, body) in given.items():
        now |= {f"title_{language}": title, f"body_{language}": body}
    return Texts(**now)
