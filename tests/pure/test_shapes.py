"""Events read by the shape of their lines are the same as those read header by header, whatever the bytes are."""

from __future__ import annotations

from ami_stream import TRACES
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_bridge.events.headers import Event, Missing, decode
from ami_bridge.events.reading import READERS
from ami_bridge.events.shapes import Reader


def _of_readers() -> list[tuple[Reader, bytes]]:
    """Some blocks of each kind and order of lines that a real Asterisk sent, each with its reader."""
    found: dict[tuple[bytes, ...], tuple[Reader, bytes]] = {}
    for path in sorted(TRACES.glob("*.ami")):
        for block in path.read_bytes().split(b"\r\n\r\n"):
            reader = READERS.get(block.partition(b"\r\n")[0][7:])
            if isinstance(reader, Reader):
                found[(block[:30], *(line.partition(b": ")[0] for line in block.split(b"\r\n")))] = reader, block
    return list(found.values())


BLOCKS = _of_readers()
BITS = st.sampled_from(
    [
        b"\r\n",
        b"\r",
        b"\n",
        b": ",
        b"",
        b"-1",
        b"0",
        b"\0",
        b"\xff",
        b"<unknown>",
        b"\\n",
        "٣".encode(),
        b"1e9",
        b"9" * 20,
    ]
)
FORGED = st.sampled_from([b"Event: Hangup", b"Uniqueid: 1.2", b"Queue: q", b"Timestamp: 1", b"Response: Success", b"X"])


def both_ways(reader: Reader, block: bytes) -> tuple[Event | str, Event | str]:
    def told(read: object) -> Event | str:
        try:
            return read(decode(block))  # type: ignore[operator, no-any-return]
        except Missing as fault:
            return str(fault)

    return told(reader), told(reader.header_by_header)


def test_each_real_event_reads_the_same_by_its_shape() -> None:
    assert len(BLOCKS) > 40
    for _ in range(2):  # the second time its shape is known
        for reader, block in BLOCKS:
            quick, plain = both_ways(reader, block)
            assert quick == plain


@settings(max_examples=5 * settings().max_examples)
@given(st.data())
def test_an_event_with_anything_in_it_reads_the_same_by_its_shape(data: st.DataObject) -> None:
    reader, block = data.draw(st.sampled_from(BLOCKS))
    both_ways(reader, block)
    lines = block.split(b"\r\n")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        name, colon, found = lines[place].partition(b": ")
        deed = data.draw(st.sampled_from(["value", "inside", "forged", "doubled", "gone", "moved"]))
        if deed == "value":
            lines[place] = name + colon + data.draw(BITS | st.binary(max_size=12))
        elif deed == "inside":
            cut = data.draw(st.integers(0, len(found)))
            lines[place] = name + colon + found[:cut] + data.draw(BITS) + found[cut:]
        elif deed == "forged":
            lines.insert(place, data.draw(FORGED))
        elif deed == "doubled":
            lines.insert(place, data.draw(st.sampled_from(lines)))
        elif deed == "gone" and len(lines) > 1:
            del lines[place]
        elif deed == "moved":
            lines.append(lines.pop(place))
    quick, plain = both_ways(reader, b"\r\n".join(lines))
    assert quick == plain
