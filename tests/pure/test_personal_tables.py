"""Every column of every table that can hold words is declared: personal, with what an erasure makes of it, or not."""

from __future__ import annotations

import pytest
from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from crm.rules.personal_tables import ELSEWHERE, HELD
from crm.tables import Table

TABLES = sorted(set(Table.metadata.tables) - set(ELSEWHERE))


@pytest.mark.parametrize("name", TABLES)
def test_every_column_with_words_is_declared(name: str) -> None:
    assert name in HELD, "say in crm/rules/personal_tables.py whom its columns speak of"
    held, table = HELD[name], Table.metadata.tables[name]
    wordy = {
        column.name
        for column in table.columns
        if isinstance(column.type, String | JSON | LargeBinary | ARRAY | TSVECTOR)
    }
    declared = [*held.scrub, *held.bytes_, *held.plain]
    assert wordy - set(declared) - set(held.fields) == set(), "undeclared"
    assert {*declared, *held.fields} - wordy == set(), "there is no such column with words"
    assert len(declared) == len(set(declared)), "a column stands in one list"
    assert bool(held.fields or held.remove) <= bool(held.own)


def test_what_is_handled_elsewhere_exists() -> None:
    assert set(ELSEWHERE) <= set(Table.metadata.tables)
