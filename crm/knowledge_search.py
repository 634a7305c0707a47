"""Finding articles: by words of both languages, by the matter and queue of a call.

English words are stemmed or taken as beginnings, Chinese is sought by pairs of neighbours, titles also when misspelt.
Called by pages, the card, the command line; writing is in knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .questions import Question
from .rules import bigrams
from .tables.knowledge import Article

SHOWN = 20

# A matter or queue of the call lifts an article, what helped others lately does, too; words decide before both.
_SEARCH = text(
    """
WITH asked AS (
  SELECT CAST(:stems AS tsquery) AS stems, CAST(:pairs AS tsquery) AS pairs, CAST(:latin AS text) AS latin),
found AS (
  SELECT a.id, a.number, a.matter, a.queue, a.state, a.version, a.author_id, a.changed_at,
         (a.matter <> '' AND a.matter = :matter)::int * 2 + (a.queue <> '' AND a.queue = :queue)::int AS fit,
         CASE WHEN numnode(stems) > 0 THEN ts_rank(a.terms, stems) ELSE 0 END
         + CASE WHEN numnode(pairs) > 0 THEN ts_rank(a.terms, pairs) ELSE 0 END
         + CASE WHEN latin <> '' THEN word_similarity(latin, a.titles) ELSE 0 END AS rank
    FROM article a CROSS JOIN asked
   WHERE (CAST(:state AS text) IS NULL OR a.state = :state)
     AND (NOT :only_fitting OR ((:matter <> '' AND a.matter = :matter) OR (:queue <> '' AND a.queue = :queue)))
     AND (CAST(:of_matter AS text) IS NULL OR a.matter = :of_matter)
     AND (CAST(:of_queue AS text) IS NULL OR a.queue = :of_queue)
     AND (NOT :searched
          OR ((numnode(stems) = 0 OR a.terms @@ stems) AND (numnode(pairs) = 0 OR a.terms @@ pairs))
          OR (latin <> '' AND numnode(pairs) = 0 AND word_similarity(latin, a.titles) > 0.5)))
SELECT found.*, v.title_en, v.title_zh, agent.login AS author, agent.name AS author_name,
       (SELECT count(*) FROM article_use u WHERE u.article_id = found.id AND u.what = 'used'
          AND u.at > clock_timestamp() - interval '90 days') AS used
  FROM found JOIN article_version v ON v.article_id = found.id AND v.version = found.version
  LEFT JOIN agent ON agent.id = found.author_id
 ORDER BY CASE WHEN :searched THEN 0 ELSE fit END DESC, rank DESC, fit DESC, used DESC, number
 LIMIT :limit
"""
)


# Asked at every ring: what is written for the call's matter or queue, as the search finds it without words.
_FITTING_ASKED = """
SELECT a.id, a.number, a.matter, a.queue, a.state, a.version, a.author_id, a.changed_at,
       (a.matter <> '' AND a.matter = CAST(:matter AS text))::int * 2
       + (a.queue <> '' AND a.queue = CAST(:queue AS text))::int AS fit, 0 AS rank,
       v.title_en, v.title_zh, agent.login AS author, agent.name AS author_name,
       (SELECT count(*) FROM article_use u WHERE u.article_id = a.id AND u.what = 'used'
          AND u.at > clock_timestamp() - interval '90 days') AS used
  FROM article a JOIN article_version v ON v.article_id = a.id AND v.version = a.version
  LEFT JOIN agent ON agent.id = a.author_id
 WHERE a.state = 'published' AND ((a.matter <> '' AND a.matter = :matter) OR (a.queue <> '' AND a.queue = :queue))
 ORDER BY fit DESC, used DESC, a.number LIMIT :limit
"""


class Found(Struct, frozen=True):
    """An article in a list. `used`: how often it helped in a call in the last 90 days."""

    id: UUID
    number: int
    matter: str
    queue: str
    state: str
    version: int
    author_id: UUID | None
    changed_at: datetime
    fit: int
    rank: float
    title_en: str
    title_zh: str
    author: str | None
    author_name: str | None
    used: int

    def title(self, language: str) -> str:
        """In this language, else in the other."""
        return (self.title_zh or self.title_en) if language == "zh" else (self.title_en or self.title_zh)


FITTING = Question(_FITTING_ASKED, Found)
"""Asked with `matter`, `queue` ("" for none) and `limit`."""


async def search(
    session: AsyncSession,
    words: str = "",
    *,
    matter: str = "",
    queue: str = "",
    state: str | None = "published",
    of_matter: str | None = None,
    of_queue: str | None = None,
    only_fitting: bool = False,
    limit: int = SHOWN,
) -> list[Found]:
    """Articles that hold all these words (or their beginnings, or nearly such titles), the best first; without words,
    those that fit `matter` and `queue` first. `of_matter`, `of_queue`: these only; `only_fitting`: one of both."""
    latin, pairs = bigrams.query(words[:300])
    asked: dict[str, Any] = {
        "stems": await _stemmed(session, latin),
        "pairs": " & ".join(f"'{each}'" for each in pairs),
        "latin": " ".join(latin),
        "searched": bool(latin or pairs),
        "matter": matter,
        "queue": queue,
        "state": state,
        "of_matter": of_matter,
        "of_queue": of_queue,
        "only_fitting": only_fitting,
        "limit": limit,
    }
    return [Found(**row) for row in (await session.execute(_SEARCH, asked)).mappings()]


async def _stemmed(session: AsyncSession, latin: Sequence[str]) -> str:
    if not latin:
        return ""
    # Each word as English stems it, or as the beginning of one still being typed; one that it drops asks for nothing.
    parts = [f"(to_tsquery('english', :w{n}) || to_tsquery('simple', :w{n} || ':*'))" for n in range(len(latin))]
    kept = " && ".join(
        f"CASE WHEN numnode(to_tsquery('english', :w{n})) = 0 THEN ''::tsquery ELSE {part} END"
        for n, part in enumerate(parts)
    )
    said = {f"w{n}": word for n, word in enumerate(latin)}
    return str((await session.execute(text(f"SELECT ({kept})::text"), said)).scalar_one())


async def matters(session: AsyncSession) -> list[str]:
    """All matters that articles are written for."""
    rows = select(Article.matter).where(Article.matter != "").distinct().order_by(Article.matter)
    return list(await session.scalars(rows))
