"""The cases on the caller's card: a part of the card's one statement, so that the ring waits for no second one.

Open cases of the customer, or of the number where nobody knows whose it is, and those that this very call was about.
Called by `card`; `chosen` and the parameters `e164` and `conversation_id` are its.
"""

from __future__ import annotations

import msgspec

from crm.tables.cases import NO_CASE_REASONS

SHOWN = 5

CASES = """
       (SELECT coalesce(json_agg(k), '[]') FROM (
            SELECT c.number, c.subject, c.state, c.tier,
                   EXISTS (SELECT FROM case_conversation l
                            WHERE l.case_id = c.id AND l.conversation_id = :conversation_id) AS of_this_call,
                   EXISTS (SELECT FROM case_clock t WHERE t.case_id = c.id AND (t.breached_at IS NOT NULL
                              OR (t.running_since IS NOT NULL AND t.due_at < clock_timestamp()))) AS overdue
              FROM (SELECT case_id AS id FROM case_conversation WHERE conversation_id = :conversation_id
                     UNION SELECT id FROM customer_case
                            WHERE state <> 'closed' AND customer_id = (SELECT id FROM chosen)
                     UNION SELECT id FROM customer_case
                            WHERE state <> 'closed' AND customer_id IS NULL AND caller = :e164) AS theirs
              JOIN customer_case c ON c.id = theirs.id
             ORDER BY of_this_call DESC, c.changed_at DESC, c.number LIMIT 50) AS k) AS cases,
       (SELECT json_agg(json_build_object('code', code, 'title_en', title_en, 'title_zh', title_zh)
                        ORDER BY place, code) FROM case_category WHERE active) AS case_categories
"""
"""Two columns of the card's statement."""


class CardCase(msgspec.Struct, frozen=True):
    """One case of the caller."""

    number: str
    subject: str
    state: str
    tier: str
    of_this_call: bool
    overdue: bool


class Category(msgspec.Struct, frozen=True):
    """What a case may be about."""

    code: str
    title_en: str
    title_zh: str


class CardCases(msgspec.Struct, frozen=True):
    """All of them, with what may be opened."""

    all: list[CardCase]
    categories: list[Category]

    @property
    def shown(self) -> list[CardCase]:
        """Those that fit on the card."""
        return self.all[:SHOWN]

    @property
    def open(self) -> int:
        """How many are not closed."""
        return sum(each.state != "closed" for each in self.all)

    @property
    def of_this_call(self) -> int:
        """How many this call was about, so far."""
        return sum(each.of_this_call for each in self.all)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a call may have none."""
        return NO_CASE_REASONS
