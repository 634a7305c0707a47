"""CEL: records with hostile names, half lines, and the calls they tell of."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from crm.rules.cel import CelCall, CelEvent, calls, read_record, whole_records
from crm.rules.log_lines import BadLine

T = 1795306000.0


def record(kind: str, at: float, uniqueid: str, linkedid: str = "1.1", name: str = "", extra: object = None) -> str:
    told = json.dumps(extra) if extra is not None else ""
    columns = [
        kind,
        f"{at:.6f}",
        f"PJSIP/{uniqueid}",
        uniqueid,
        linkedid,
        "138",
        name,
        "s",
        "c",
        "Queue",
        "q,ct",
        "",
        told,
    ]
    return ",".join('"' + column.replace('"', '""') + '"' for column in columns) + "\n"


def events(text: str) -> list[CelEvent]:
    records, _ = whole_records(text)
    return [event for each in records if isinstance(event := read_record(each), CelEvent)]


def only(text: str) -> CelCall:
    (call,) = calls(events(text))
    return call


def test_a_call_with_its_legs_bridges_and_cause() -> None:
    bridge = {"bridge_id": "b1"}
    call = only(
        record("CHAN_START", T, "1.1", name='李 "Li"')
        + record("APP_START", T + 1, "1.1")
        + record("CHAN_START", T + 2, "1.2")
        + record("ANSWER", T + 3, "1.2")
        + record("BRIDGE_ENTER", T + 3, "1.2", extra=bridge)
        + record("BRIDGE_ENTER", T + 3.1, "1.1", extra=bridge)
        + record("BRIDGE_EXIT", T + 9, "1.1", extra=bridge)
        + record("HANGUP", T + 9, "1.1", extra={"hangupcause": 16, "hangupsource": "PJSIP/1.1"})
        + record("CHAN_END", T + 9, "1.1")
        + record("LINKEDID_END", T + 9.5, "1.1")
    )
    caller, seat = call.legs["1.1"], call.legs["1.2"]
    assert (call.started_at, call.ended_at, caller.name) == (T, T + 9.5, '李 "Li"')
    assert (caller.queues, caller.cause, caller.caused_by) == ([(T + 1, "q")], 16, "PJSIP/1.1")
    assert [(stay.bridge, stay.entered_at, stay.left_at) for stay in caller.bridged] == [("b1", T + 3.1, T + 9)]
    assert (seat.answered_at, seat.bridged[0].left_at) == (T + 3, None)


def test_a_leg_that_a_transfer_moves_takes_what_is_known_of_it_along() -> None:
    call = only(
        record("CHAN_START", T, "1.1")
        + record("CHAN_START", T + 1, "2.1", linkedid="2.1")
        + record("BRIDGE_ENTER", T + 2, "2.1", linkedid="1.1", extra={"bridge_id": "b"})
    )
    assert (call.linkedid, sorted(call.legs), call.others) == ("1.1", ["1.1", "2.1"], {"2.1"})
    assert call.legs["2.1"].started_at == T + 1


def test_a_name_with_line_feeds_and_forged_records_stays_one_name() -> None:
    forged = 'x\n"HANGUP","1795306000.0","PJSIP/9","9.9"\n"CHAN_START","1","'
    text = record("CHAN_START", T, "1.1", name=forged) + record("CHAN_END", T, "1.1")
    assert [(event.kind, event.uniqueid) for event in events(text)] == [("CHAN_START", "1.1"), ("CHAN_END", "1.1")]
    assert events(text)[0].name == forged


def test_a_record_cut_in_the_middle_is_named_and_does_not_swallow_the_next() -> None:
    whole = record("CHAN_START", T, "1.1")
    records, rest = whole_records(whole[:60] + "\n" + record("CHAN_END", T, "1.1") + whole[:30])
    first, second = [read_record(each) for each in records]
    assert isinstance(first, BadLine)
    assert "cut short" in first.why
    assert isinstance(second, CelEvent)
    assert rest == whole[:30]


@given(st.text(), st.text())
def test_no_text_breaks_the_reader(name: str, rubbish: str) -> None:
    events(record("CHAN_START", T, "1.1", name=name) + rubbish + "\n" + record("CHAN_END", T, "1.1"))


@given(st.lists(st.text(alphabet='ab"\n,A', max_size=12), max_size=5), st.data())
def test_records_do_not_depend_on_where_the_file_was_cut(names: list[str], data: st.DataObject) -> None:
    text = "".join(record("CHAN_START", T, "1.1", name=name) for name in names)
    cut = data.draw(st.integers(0, len(text)))
    first, rest = whole_records(text[:cut])
    second, left = whole_records(rest + text[cut:])
    assert (first + second, left) == whole_records(text)
    assert [event.name for event in events(text)] == names
