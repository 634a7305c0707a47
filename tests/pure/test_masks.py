"""What is masked: by one function, wherever a field of that name stands, and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules import masks
from crm.rules.masks import phone, view
from crm.rules.rights import MASKABLE, PERMISSIONS, ROLES, check_masks, masked, may

PHONE = frozenset({"phone"})


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+8613800138000", "+86138****8000"),
        ("13800138000", "138****8000"),
        ("021-5555 1234", "021****1234"),
        ("+442079460000", "+4420****0000"),
        ("1001", "1001"),
        ("anonymous", "anonymous"),
        ("", ""),
    ],
)
def test_a_number_keeps_its_ends(number: str, shown: str) -> None:
    assert phone(number) == shown


@given(st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True))
def test_no_masked_number_can_be_dialled(number: str) -> None:
    seen = phone(number)
    assert number not in seen
    hidden = sum(map(str.isdigit, number)) - sum(map(str.isdigit, seen))
    assert hidden >= 2
    assert hidden >= 4 or len(number.lstrip("+")) < 9


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just("+8613877776666"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["caller", "e164", "note", "phones", "other", "id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_number_is_left_under_a_phones_name(document: object) -> None:
    def under(seen: object, name: str = "") -> None:
        if isinstance(seen, dict):
            for key, value in seen.items():
                under(value, key)
        elif isinstance(seen, list):
            for each in seen:
                under(each, name)
        elif isinstance(seen, str) and name in masks.FIELDS["phone"] | {"note"}:
            assert seen == "+86138****6666"

    under(view(document, PHONE))


@given(json_values)
def test_without_a_mask_the_very_thing_is_shown(document: object) -> None:
    assert view(document, frozenset()) is document


class Phone(msgspec.Struct):
    """As a card holds one."""

    number: str
    caller_name: str
    since: int

    @property
    def initial(self) -> str:
        """What stands for a face."""
        return self.caller_name[:1]


def test_cards_and_rows_are_seen_through_a_mask() -> None:
    seen = view({"card": Phone("13877776666", "夏侯渊", 3), "calls": [{"caller": "13877776666", "n": 1}]}, PHONE)
    assert (seen["card"].number, seen["card"].caller_name, seen["card"].since) == ("138****6666", "夏侯渊", 3)
    assert seen["calls"] == [{"caller": "138****6666", "n": 1}]
    all_hidden = view(Phone("13877776666", "夏侯渊", 3), MASKABLE)
    assert (all_hidden.caller_name, all_hidden.initial) == ("夏****", "夏")


def test_an_orders_number_is_no_phone() -> None:
    order = {"number": "20261001123", "item": "Kettle", "amount": "12.00", "placed_at": "2026-10-01"}
    assert view(order, PHONE) == order


def test_numbers_in_a_note_are_masked_with_the_phones() -> None:
    said = "call +8613877776666 or 138-7777-6666 at 14:30 on 2026-11-22, order 12"
    shown = "call +86138****6666 or 138****6666 at 14:30 on 2026-11-22, order 12"
    assert view({"note": said, "subject": said}, PHONE) == {"note": shown, "subject": shown}


NAMED = frozenset({"name"})
CUSTOMERS = [
    {"id": "1", "code": "C1", "name": "夏侯渊", "tier": "key"},
    {"code": "C1", "name": "夏侯渊", "company": None},
    {"kind": "call", "customer_id": "1", "name": "夏侯渊"},
    {"code": "C1", "name": "夏侯渊", "role": "father"},
    {"merge": "7", "code": "C1", "name": "夏侯渊"},
    {"caller": "13877776666", "who": "夏侯渊"},
    {"caller": "13877776666", "customer": "夏侯渊"},
    {"newer": "C2", "newer_name": "夏侯渊"},
]
OTHERS = [
    {"login": "amy", "name": "Amy", "tier": "first_line"},
    {"name": "support", "title_en": "Support"},
    {"code": "H1", "name": "夏侯家", "kind": "household", "role": "father"},
    {"menu": "front_desk", "who": "amy"},
    {"customer": "C1001", "placed_at": "2026-11-22"},
]


def test_customers_names_are_masked_and_what_else_is_called_so_is_not() -> None:
    for customer in CUSTOMERS:
        seen = view(customer, NAMED)
        assert "夏****" in seen.values(), customer
        assert "夏侯渊" not in seen.values()
    for other in OTHERS:
        assert view(other, NAMED) == other


def test_what_a_name_was_before_is_masked_with_it() -> None:
    changes = {"version": 2, "changes": {"name": ["夏侯", "夏侯渊"], "tier": ["key", "main"]}}
    assert view(changes, NAMED)["changes"] == {"name": ["夏****", "夏****"], "tier": ["key", "main"]}
    clash = {"by": "amy", "field": "name", "before": "夏侯", "theirs": "夏侯渊", "mine": "夏侯惇"}
    assert view(clash, NAMED) == clash | {"before": "夏****", "theirs": "夏****"}
    assert view(clash | {"field": "tier"}, NAMED) == clash | {"field": "tier"}


def test_a_number_in_a_names_place_is_masked_with_the_phones() -> None:
    for field in ("caller_name", "customer_name"):
        assert view({field: "13877776666"}, PHONE) == {field: "138****6666"}
        assert view({field: "(021) 5555-1234"}, PHONE) != {field: "(021) 5555-1234"}
        assert view({field: "夏侯渊"}, PHONE) == {field: "夏侯渊"}
    customer = {"code": "C1", "name": "+8613877776666", "tier": "key"}
    assert view(customer, PHONE) == customer | {"name": "+86138****6666"}
    assert view({"caller": None, "who": "Li 13877776666"}, PHONE) == {"caller": None, "who": "Li 138****6666"}


def test_numbers_in_reasons_are_masked_with_the_phones() -> None:
    said = "nobody may call 13877776666 yet"
    for field in ("why", "not_now_why"):
        assert view({field: said}, PHONE) == {field: "nobody may call 138****6666 yet"}
    assert view({"why": [{"seconds": 60}]}, PHONE) == {"why": [{"seconds": 60}]}


def test_what_somebody_typed_comes_back_to_them_as_it_was() -> None:
    typed = {"typed": {"name": "夏侯渊", "company": "", "note": "13877776666"}}
    assert view(typed, MASKABLE) == typed


def test_roles_are_denied_by_default() -> None:
    assert not any(may("stranger", permission) for permission in PERMISSIONS)
    assert not any(may(role, "no.such.thing") for role in ROLES)
    assert masked("stranger") == MASKABLE
    assert all(may("admin", permission) for permission in PERMISSIONS)
    assert all(rights <= PERMISSIONS for rights in ROLES.values())


def test_a_sites_word_about_a_role_counts_for_that_role() -> None:
    said = {"agent": ["phone", "note"]}
    assert masked("agent", said) == {"phone", "note"}
    assert masked("quality", said) == PHONE
    with pytest.raises(ValueError, match="role 'boss' is unknown: it is one of admin, agent"):
        check_masks({"boss": []})
    with pytest.raises(ValueError, match="field 'shoe' cannot be masked"):
        check_masks({"agent": ["shoe"]})
