"""Framing: the same messages in any chunking, nothing kept of rubbish, bounded memory."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.framing import BLOCK_AT_MOST, LINE_AT_MOST, Banner, Block, Framing, Torn

WANTED = frozenset({b"Newchannel", b"AgentCalled", b"DeviceStateChange"})
INSIDE = {b"DeviceStateChange": (b"\r\nDevice: Queue:", b"\r\nDevice: Local/")}
CALLED = "Event: AgentCalled\r\nPrivilege: agent,all\r\nCallerIDName: 王小明".encode()
ARRIVED = b"Event: Newchannel\r\nUniqueid: 1.1"
NOISE = b"Event: VarSet\r\nVariable: X\r\nValue: Event: AgentCalled"
ANSWER = b"Response: Success\r\nActionID: 7"
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def stream(*blocks: bytes) -> bytes:
    return b"".join(block + b"\r\n\r\n" for block in blocks)


def fed(data: bytes, *cuts: int) -> list[Block]:
    framing = Framing(WANTED, skipped_inside=INSIDE)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [block for begin, end in pairwise(edges) for block in framing.feed(data[begin:end])]


def test_wanted_events_and_answers_come_whole_and_noise_is_skipped() -> None:
    framing = Framing(WANTED)
    assert framing.feed(BANNER + stream(ANSWER, NOISE, CALLED, ARRIVED)) == [Banner("11.0.0"), ANSWER, CALLED, ARRIVED]
    assert framing.messages == 4


@given(st.lists(st.sampled_from([CALLED, ARRIVED, NOISE, ANSWER, b"rubbish", b""])), st.lists(st.integers(0)))
def test_any_chunking_gives_the_same_blocks(blocks: list[bytes], cuts: list[int]) -> None:
    data = BANNER + stream(ARRIVED, *blocks)
    assert fed(data, *cuts) == [Banner("11.0.0"), ARRIVED, *(each for each in blocks if each not in (NOISE, b""))]


@given(st.binary(max_size=2000).map(lambda noise: noise.replace(b"A", b"\r\n")), st.lists(st.integers(0)))
def test_any_bytes_in_any_chunking_give_the_same_blocks(data: bytes, cuts: list[int]) -> None:
    assert fed(data, *cuts) == fed(data)


def test_N4_a_chinese_name_cut_inside_a_character_arrives_whole() -> None:
    data = stream(CALLED)
    for cut in range(len(data)):
        assert fed(data, cut) == [CALLED]


def test_first_line_alone_decides_what_a_block_is() -> None:
    forged = b"Event: VarSet\r\nValue: x\r\nEvent: AgentCalled\r\nQueue: support"
    assert fed(stream(forged, CALLED)) == [CALLED]


def test_a_device_state_of_a_queue_is_no_news_but_is_counted() -> None:
    framing = Framing(WANTED, skipped_inside=INSIDE)
    head = b"Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: "
    seat = head + b"PJSIP/201\r\nState: INUSE"
    local = head + b"Local/1@x\r\nState: INUSE"
    assert framing.feed(stream(head + b"Queue:support\r\nState: INUSE", local, seat)) == [seat]
    assert framing.skipped_inside == 2


def test_an_event_of_an_unknown_name_is_given_back_when_the_known_ones_are_told() -> None:
    framing = Framing(WANTED, ignored=frozenset({b"VarSet"}))
    strange = b"Event: QueueCallerJoined\r\nQueue: x"
    assert framing.feed(stream(NOISE, strange)) == [strange]


def test_blank_lines_and_second_banners_are_no_messages() -> None:
    framing = Framing(WANTED)
    data = BANNER + b"\r\n\r\n\r\n" + stream(b"\r\n" + CALLED) + BANNER * 2000 + stream(ARRIVED)
    assert [block for block in framing.feed(data) if block != Banner("11.0.0")] == [CALLED, ARRIVED]
    assert framing.messages == 2


def drip(framing: Framing, data: bytes, step: int) -> list[Block]:
    return [block for at in range(0, len(data), step) for block in framing.feed(data[at : at + step])]


def test_a_line_of_a_megabyte_is_torn_once_and_the_next_message_is_heard() -> None:
    data = stream(b"Event: Newchannel\r\nChannel: " + b"x" * 1_000_000, CALLED)
    for step in (1, 1000, len(data)):
        torn, after = drip(Framing(WANTED), data, step) if step > 1 else drip(Framing(WANTED), data[-200_000:], step)
        assert isinstance(torn, Torn)
        assert "65536" in torn.reason
        assert len(torn.head) <= 512
        assert after == CALLED


def test_a_block_that_never_ends_is_torn_once_and_keeps_no_memory() -> None:
    framing = Framing(WANTED)
    found = [block for _ in range(3000) for block in framing.feed(b"Key: value of a line\r\n" * 50)]
    assert [type(block) for block in found] == [Torn]
    assert len(framing._tail) <= 3
    assert framing.feed(b"\r\n" + stream(CALLED)) == [CALLED]


def test_the_tail_stays_bounded_before_it_is_torn() -> None:
    framing = Framing(WANTED)
    longest = 0
    for _ in range(BLOCK_AT_MOST // 100 * 2):
        framing.feed(b"Key: " + b"v" * 93 + b"\r\n")
        longest = max(longest, len(framing._tail))
    assert longest <= BLOCK_AT_MOST + LINE_AT_MOST


def test_a_response_of_many_short_lines_passes_below_the_bound() -> None:
    answer = ANSWER + b"\r\nOutput: line" * 8000
    assert fed(stream(answer, CALLED), 70_000, 100_000) == [answer, CALLED]
