"""What a peer sends that no Asterisk we know would: unknown names, other ages, other times. Kept, counted, bounded."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import pytest
from ami_stream import T0, block

from ami_bridge.ami_version import why_too_old
from ami_bridge.batch import Pending
from ami_bridge.bridge import followed
from ami_bridge.events import FOLLOWED, KNOWN_NAMES, UnknownName, read
from ami_bridge.framing import Banner
from ami_bridge.inbox import Connected, Heard
from ami_bridge.strangers import KEPT_A_MINUTE, KEPT_OF_ONE_NAME, NAMES_AT_MOST, OTHERS, Strangers
from ami_bridge.watch import Watch

TRACES = Path(__file__).parents[1] / "traces"
LEG = {"Channel": "PJSIP/trunk-1", "ChannelState": 4, "Context": "from-trunk", "Exten": "4000"}
DAY_S = 86_400.0


def arrived(number: int, at: float) -> bytes:
    return block("Newchannel", at=at, **LEG, Uniqueid=f"1.{number}", Linkedid=f"1.{number}")


def journaled(pending: Pending) -> list[bytes]:
    journal: Any = pending.seal().journal
    return [] if journal is None else zlib.decompress(journal[-1]).split(b"\r\n\r\n")[:-1]


def live(*blocks: bytes, at: float = T0) -> tuple[Watch, Pending]:
    pending = Pending("n")
    watch = Watch("n", pending)
    watch.take(Heard(at, list(blocks), 1))
    return watch, pending


def test_what_is_followed_is_known() -> None:
    assert FOLLOWED <= KNOWN_NAMES
    assert {b"VarSet", b"Newexten", b"TestEvent", b"AOC-D", b"QueueSummaryComplete"} <= KNOWN_NAMES
    assert not {b"Join", b"Leave", b"Dial", b"Link"} & KNOWN_NAMES, "those of Asterisk 11 are not"


def test_no_event_of_a_real_asterisk_is_unknown() -> None:
    for trace in TRACES.glob("*.ami"):
        watch = Watch("n", Pending("n"))
        watch.take_recorded(followed().feed(trace.read_bytes()))
        assert (trace.name, watch.strangers.counted, watch.unreadable) == (trace.name, {}, 0)


def test_an_event_of_an_unknown_name_reaches_the_journal_with_its_reason_and_is_counted() -> None:
    strange = block("QueueCallerJoined", Queue="support")
    (given,) = followed().feed(block("VarSet", Variable="X") + b"\r\n\r\n" + strange + b"\r\n\r\n")
    assert given == strange
    assert isinstance(read(strange), UnknownName)
    watch, pending = live(arrived(1, 0), strange, arrived(2, 0))
    assert (watch.unreadable, pending.unreadable, watch.strangers.counted) == (1, 1, {"QueueCallerJoined": 1})
    first, kept, last = journaled(pending)
    assert kept == b"Unreadable: an event of an unknown name, QueueCallerJoined\r\n" + strange
    assert (first, last) == (arrived(1, 0), arrived(2, 0))


def test_a_strangers_flood_leaves_the_journal_to_the_calls() -> None:
    pending = Pending("n")
    watch = Watch("n", pending)
    for minute in range(2):
        for number in range(1000):
            watch.take(Heard(T0 + minute * 60, [block(f"Noise{number % 20}", at=0)], 1))
    assert watch.unreadable == watch.strangers.total == 2000
    assert len(journaled(pending)) == 2 * KEPT_A_MINUTE


def test_names_that_are_made_up_anew_each_time_cost_no_memory() -> None:
    strangers = Strangers()
    kept = sum(strangers.meet(f"Noise{number}", T0) for number in range(10_000))
    assert kept == KEPT_A_MINUTE
    assert len(strangers.counted) == NAMES_AT_MOST + 1
    assert strangers.counted[OTHERS] == 10_000 - NAMES_AT_MOST
    assert strangers.total == 10_000
    assert [strangers.meet("Noise1", T0 + 60) for _ in range(KEPT_OF_ONE_NAME + 1)] == [True] * KEPT_OF_ONE_NAME + [
        False
    ]


def test_a_flood_in_a_recording_is_kept_alike_in_any_chunking() -> None:
    data = b"".join(
        each + b"\r\n\r\n"
        for number in range(300)
        for each in (arrived(number, number / 2), block(f"Noise{number % 7}", at=None))
    )
    kept = []
    for size in (len(data), 1000, 97):
        pending, frames = Pending("n"), followed()
        watch = Watch("n", pending)
        for at in range(0, len(data), size):
            watch.take_recorded(frames.feed(data[at : at + size]))
        kept.append(journaled(pending))
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == 300 + 3 * KEPT_A_MINUTE


def test_an_event_from_the_future_is_unreadable_and_never_moves_the_floors_clock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch, pending = live(arrived(1, 0), arrived(2, 1.5 * DAY_S), arrived(3, 9 * DAY_S), arrived(4, 1))
    assert watch.unreadable == 2
    assert len(watch.floor.facts.calls) == 2
    assert watch.floor._clock == T0 + 1
    reasons = [each.partition(b"\r\n")[0] for each in journaled(pending) if each.startswith(b"Unreadable")]
    assert reasons == [
        b"Unreadable: Newchannel from the future: its time is 1.5 days ahead",
        b"Unreadable: Newchannel from the future: its time is 9.0 days ahead",
    ]
    assert len(caplog.records) == 1, "once: the operator knows"
    assert "set the clocks" in caplog.text


def test_a_clock_that_is_only_hours_off_is_believed() -> None:
    watch, _ = live(arrived(1, 0.9 * DAY_S))
    assert (watch.unreadable, len(watch.floor.facts.calls)) == (0, 1)


def test_a_recording_cannot_tell_of_what_has_not_happened_yet() -> None:
    pending = Pending("n")
    watch = Watch("n", pending, latest=T0 + DAY_S)
    blocks = [Banner("11.0.0"), arrived(1, 99 * DAY_S), arrived(2, 0), arrived(3, 1.1 * DAY_S), arrived(4, 1)]
    watch.take_recorded(blocks)
    assert watch.unreadable == 2
    assert watch.sight is not None
    assert watch.sight.heard_at == T0
    assert len(watch.floor.facts.calls) == 2


@pytest.mark.parametrize("version", ["5.0.2", "7.0.3", "9.0.0", "11.0.0", "13.0.0", None, "", "?"])
def test_the_asterisks_that_we_know_and_newer_ones_are_followed(version: str | None) -> None:
    assert why_too_old(version) is None


def test_asterisk_11_is_told_in_a_sentence_journaled_and_stops_nothing() -> None:
    why = why_too_old("1.3")
    assert why is not None
    assert "AMI 1.3" in why
    assert "needs Asterisk 16 or newer" in why
    pending = Pending("n")
    watch = Watch("n", pending)
    watch.take(Connected(T0, "1.3"))
    watch.take(Heard(T0, [block("Join", Queue="support"), arrived(1, 0)], 1))
    assert watch.unreadable == 2
    greeting, stranger, call = journaled(pending)
    assert greeting == f"Unreadable: {why}\r\nAsterisk Call Manager/1.3".encode()
    assert stranger.startswith(b"Unreadable: an event of an unknown name, Join\r\n")
    assert call == arrived(1, 0)


def test_a_recording_of_asterisk_11_is_told_too() -> None:
    pending = Pending("n")
    watch = Watch("n", pending, latest=math.inf)
    watch.take_recorded(followed().feed(b"Asterisk Call Manager/1.1\r\n" + arrived(1, 0) + b"\r\n\r\n"))
    assert watch.unreadable == 1
    assert journaled(pending)[0].startswith(b"Unreadable: it speaks AMI 1.1, ")
