"""Ids of ledger rows are version 5 UUIDs of what Asterisk says: anyone can make them again."""

from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from crm.ledger import ids

NAMESPACE = UUID("7b0a3d0e-2f0b-5d53-9d6f-6b1f5f1f4b0c")
TEXT = st.text(st.characters(exclude_categories=("Cs",)))


@given(TEXT, TEXT)
def test_an_id_is_the_name_based_uuid_that_the_standard_defines(node: str, linkedid: str) -> None:
    expected = uuid5(NAMESPACE, f"{node}\0conversation\0{linkedid}")
    assert ids.conversation_id(node, linkedid) == str(expected)
