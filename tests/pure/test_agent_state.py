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
        ("ready", [PAUSE], Shown("pausing", SINCE, "Tea", confirmed=False)),
        ("ready", [PAUSE, LUNCH], Shown("pausing", SINCE, "Lunch", confirmed=False)),
        ("ready", [PAUSE, UNPAUSE], Shown("ready", SINCE, None, "unpause", confirmed=False)),
        ("ready", [JOIN], Shown("ready", SINCE)),
        ("ready", [Asked("pause", ACW)], Shown("pausing", SINCE, ACW, confirmed=False)),
        ("ringing", [PAUSE], Shown("ringing", SINCE, "Tea", "pause", confirmed=False)),
        ("talking", [PAUSE], Shown("talking", SINCE, "Tea", "pause", confirmed=False)),
        ("paused", [], Shown("paused", SINCE, "Old")),
        ("paused", [UNPAUSE], Shown("unpausing", SINCE, "Old", confirmed=False)),
        ("paused", [PAUSE], Shown("paused", SINCE, "Tea", "pause", confirmed=False)),
        ("wrapping_up", [UNPAUSE], Shown("wrapping_up", SINCE, None, "unpause", confirmed=False)),
        ("wrapping_up", [LUNCH], Shown("wrapping_up", SINCE, "Lunch", "pause", confirmed=False)),
        ("offline", [], Shown("offline", SINCE)),
        ("something new", [], Shown("unseen", SINCE)),
    ],
)
def test_posture_and_wishes_make_the_word(word: str, wishes: list[Asked], shown: Shown) -> None:
    seen = Seen(word, SINCE, "Old" if word == "paused" else None)
    assert agent_state(seen, signed_in=True, open_wishes=wishes) == shown


@pytest.mark.parametrize(
    ("seen", "wishes", "shown"),
    [
        (Seen("talking", SINCE, "lunch"), [], Shown("talking", SINCE, "lunch", "pause")),
        (Seen("ringing", SINCE, "lunch"), [], Shown("ringing", SINCE, "lunch", "pause")),
        (Seen("talking", SINCE, "RESERVED"), [], Shown("talking", SINCE)),
        (Seen("wrapping_up", SINCE, ACW), [], Shown("wrapping_up", SINCE)),
        (Seen("wrapping_up", SINCE, ACW, "lunch"), [], Shown("wrapping_up", SINCE, "lunch", "pause")),
        (
            Seen("wrapping_up", SINCE, ACW, "lunch"),
            [Asked("end_after_call_work")],
            Shown("wrapping_up", SINCE, "lunch", "pause", confirmed=False),
        ),
        (
            Seen("wrapping_up", SINCE, ACW, "lunch"),
            [Asked("withdraw_pause")],
            Shown("wrapping_up", SINCE, None, "unpause", confirmed=False),
        ),
        (Seen("paused", SINCE, "RONA"), [], Shown("paused", SINCE, "RONA")),
        (Seen("offline", SINCE, None), [], Shown("offline", SINCE)),
        (Seen("offline", SINCE, "DEVICE"), [], Shown("degraded", SINCE)),
        (Seen("paused", SINCE, "DEVICE"), [], Shown("degraded", SINCE)),
    ],
)
def test_what_asterisk_keeps_for_after_the_call_is_shown_as_to_come(
    seen: Seen, wishes: list[Asked], shown: Shown
) -> None:
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
