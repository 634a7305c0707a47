"""The word shown for an agent never runs ahead of Asterisk."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.agent_state import ACW, WORDS, Asked, Seen, Shown, agent_state

SINCE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POSTURES = ("unseen", "offline", "wrapping_up", "paused", "talking", "ringing", "ready")
PAUSE, LUNCH, UNPAUSE, JOIN = Asked("pause", "Tea"), Asked("pause", "Lunch"), Asked("unpause"), Asked("add_member")


@pytest.mark.parametrize(
    ("word", "wishes", "shown"),
    [
        ("ready", [], Shown("ready", SINCE)),
        ("ready", [PAUSE], Shown("pausing", SINCE, "Tea")),
        ("ready", [PAUSE, LUNCH], Shown("pausing", SINCE, "Lunch")),
        ("ready", [PAUSE, UNPAUSE], Shown("ready", SINCE, None, "unpause")),
        ("ready", [JOIN], Shown("ready", SINCE)),
        ("ready", [Asked("pause", ACW)], Shown("pausing", SINCE, ACW)),
        ("ringing", [PAUSE], Shown("ringing", SINCE, "Tea", "pause")),
        ("talking", [PAUSE], Shown("talking", SINCE, "Tea", "pause")),
        ("paused", [], Shown("paused", SINCE, "Old")),
        ("paused", [UNPAUSE], Shown("unpausing", SINCE, "Old")),
        ("paused", [PAUSE], Shown("paused", SINCE, "Tea", "pause")),
        ("wrapping_up", [UNPAUSE], Shown("wrapping_up", SINCE, None, "unpause")),
        ("wrapping_up", [LUNCH], Shown("wrapping_up", SINCE, "Lunch", "pause")),
        ("offline", [], Shown("offline", SINCE)),
        ("something new", [], Shown("unseen", SINCE)),
    ],
)
def test_posture_and_wishes_make_the_word(word: str, wishes: list[Asked], shown: Shown) -> None:
    seen = Seen(word, SINCE, "Old" if word == "paused" else None)
    assert agent_state(seen, signed_in=True, open_wishes=wishes) == shown


def test_a_seat_never_heard_of_is_unseen_not_free() -> None:
    assert agent_state(None, signed_in=True, open_wishes=[PAUSE]) == Shown("unseen")


def test_without_a_session_nothing_else_is_told() -> None:
    assert agent_state(Seen("talking", SINCE), signed_in=False, open_wishes=[PAUSE]) == Shown("signed_out")


@given(
    st.sampled_from(POSTURES),
    st.lists(
        st.builds(Asked, st.sampled_from(("pause", "unpause", "add_member", "remove_member")), st.none() | st.text())
    ),
)
def test_no_wish_alone_makes_paused_or_ready(posture: str, wishes: list[Asked]) -> None:
    shown = agent_state(Seen(posture, SINCE), signed_in=True, open_wishes=wishes)
    assert shown.word in WORDS
    assert shown.word == posture or (shown.word, posture) in {("pausing", "ready"), ("unpausing", "paused")}
