"""The audit's chain: any change of any row, any row gone or doubled, is found, and named by its number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crm.rules.audit_chain import BEGINNING, ERASED, Link, fault_of, hash_of, sealed

words = st.text(max_size=12)
SAID = st.lists(st.tuples(words, words, words, words, words), min_size=1, max_size=8)


def chain(said: list[tuple[str, ...]]) -> list[Link]:
    """Links as the database writes them."""
    links, previous = [], BEGINNING
    for number, (by, did, subject, subject_id, detail) in enumerate(said, 1):
        salt = number.to_bytes(32, "big")
        seal = sealed(salt, subject_id, detail)
        mark = hash_of(previous, number, number * 7, by, did, subject, seal)
        links.append(Link(number, number * 7, by, did, subject, subject_id, detail, salt, seal, previous, mark))
        previous = mark
    return links


def first_fault(links: list[Link]) -> tuple[int, str] | None:
    """Where a look along the chain stops."""
    previous = BEGINNING
    for number, link in enumerate(links, 1):
        fault = fault_of(link, number, previous)
        if fault:
            return number, fault
        previous = link.hash
    return None


@given(SAID)
def test_an_untouched_chain_holds(said: list[tuple[str, ...]]) -> None:
    assert first_fault(chain(said)) is None


FIELDS = ("by", "did", "subject", "subject_id", "detail")


@given(SAID, st.data())
def test_a_changed_word_is_found_at_its_row(said: list[tuple[str, ...]], data: st.DataObject) -> None:
    links = chain(said)
    at = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(FIELDS))
    other = data.draw(words.filter(lambda word: word != getattr(links[at], field)))
    links[at] = replace(links[at], **{field: other})
    assert first_fault(links) == (at + 1, first_fault(links)[1])  # type: ignore[index]


@given(SAID, st.data())
def test_a_row_that_went_is_missed(said: list[tuple[str, ...]], data: st.DataObject) -> None:
    links = chain(said)
    at = data.draw(st.integers(0, len(links) - 1))
    del links[at]
    found = first_fault(links)
    assert (found is None) == (at == len(links)), "only the last one's loss needs the head to be seen"
    if found:
        assert found == (at + 1, f"row {at + 1} is missing")


@given(SAID, st.data())
def test_who_rewrites_a_row_and_its_own_hash_breaks_the_next(said: list[tuple[str, ...]], data: st.DataObject) -> None:
    links = chain([*said, ("x", "y", "z", "1", "{}")])
    at = data.draw(st.integers(0, len(said) - 1))
    forged = replace(links[at], by=links[at].by + "!")
    seal = sealed(forged.salt or b"", forged.subject_id, forged.detail)
    mark = hash_of(forged.previous, forged.number, forged.at_us, forged.by, forged.did, forged.subject, seal)
    links[at] = replace(forged, sealed=seal, hash=mark)
    assert first_fault(links) == (at + 2, f"row {at + 2} does not follow row {at + 1}")


@given(SAID, st.data())
def test_words_may_be_taken_out_but_not_replaced(said: list[tuple[str, ...]], data: st.DataObject) -> None:
    links = chain(said)
    at = data.draw(st.integers(0, len(links) - 1))
    out = replace(links[at], salt=None, subject_id=ERASED, detail="{}")
    links[at] = out
    assert first_fault(links) is None
    links[at] = replace(out, detail='{"x": 1}')
    assert first_fault(links) == (at + 1, f"the words of row {at + 1} were changed")


def test_parts_cannot_run_into_each_other() -> None:
    assert sealed(b"", "1", "23") != sealed(b"", "12", "3")
    assert hash_of(BEGINNING, 1, 1, "a", "b", "c", b"") != hash_of(BEGINNING, 1, 1, "ab", "", "c", b"")
