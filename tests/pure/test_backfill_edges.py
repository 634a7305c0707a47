"""What chaos taught the back-fill: words missed at a window's edge, half stories, names that Asterisk gives twice."""

from __future__ import annotations

import pytest
from kept_files import FileCall, T, cel
from msgspec.structs import replace
from test_retelling import found_of, stories

from ami_bridge.backfill.merging import merge
from ami_bridge.backfill.retelling import Story
from ami_bridge.batch import Pending
from ami_bridge.changes import ConversationEnded
from ami_bridge.events.queues import QueueCallerJoin
from ami_bridge.floor import Floor
from ami_bridge.watch import Watch
from crm.ledger.conversations import Conversation, Offer, Transfer, Wait
from crm.ledger.pops import Pop
from crm.ledger.sight import BlindWindow
from crm.rules.cel import CelEvent, calls, cut_off, read_record

CUT = BlindWindow("n", T + 4, "a cut", T + 9)


def answered() -> Story:
    (story,) = stories([FileCall().arrives().rings().answered()])
    return story


def test_a_wait_that_ended_as_sight_was_lost_gets_the_word_that_was_missed() -> None:
    story = answered()
    found = found_of(story)
    found.waits[story.call.id][0].outcome, found.waits[story.call.id][0].left_at = "continued", T + 3.9
    (changed,) = merge(story, found, [CUT]).change
    assert isinstance(changed, Wait)
    assert (changed.outcome, changed.reconstructed) == ("answered", True)
    assert changed.left_at == pytest.approx(T + 4.01)


def test_what_live_sight_knows_better_than_the_files_stays() -> None:
    call = FileCall().arrives().rings()
    call._hangs_up(3.999, "PJSIP/1001-00000002", call.agent, "", 16)
    (story,) = stories([call.gives_up(4.0)])
    found = found_of(story)
    found.offers[story.call.id][0].outcome = "no_answer"
    story.offers[0].outcome = "rejected"
    assert merge(story, found, [CUT]).change == []
    story.offers[0].outcome = "caller_left"
    (changed,) = merge(story, found, [CUT]).change
    assert isinstance(changed, Offer)
    assert changed.outcome == "caller_left"


def test_who_ended_a_call_whose_talk_ended_in_the_blind() -> None:
    """The agent hung up unseen; only the goodbye to the caller was seen, and the system's hang-up."""
    story = answered()
    found = found_of(story, ended_by="system")
    window = BlindWindow("n", T + 30, "a cut", T + 33.9)
    late = replace(story.call, ended_at=T + 40)
    found.calls[late.id].ended_at = late.ended_at
    (changed,) = merge(Story(late, segments=story.segments), found, [window]).change
    assert isinstance(changed, Conversation)
    assert changed.ended_by == "agent"


def test_a_beginning_that_was_seen_stays_as_it_was_seen() -> None:
    """Marked by an earlier filling, it still began when the event said so, and not a moment before with CEL."""
    story = answered()
    found = found_of(story, reconstructed=True)
    window = BlindWindow("n", T + 0.5, "a cut", T + 9)
    found.calls[story.call.id].started_at = story.call.started_at + 0.000_1
    assert not len(merge(story, found, [window]))
    found.calls[story.call.id].started_at = story.call.started_at + 1  # found going on: a guess
    (changed,) = merge(story, found, [window]).change
    assert isinstance(changed, Conversation)
    assert changed.started_at == story.call.started_at


def test_half_a_story_says_nothing_of_a_call_that_is_known() -> None:
    story = answered()
    found = found_of(story)
    half = replace(story, call=replace(story.call, ended_by="system", outcome="no_answer"), whole=False)
    assert len(merge(half, found, [BlindWindow("n", T + 33, "a cut", T + 40)])) == 0


def test_a_blonde_transfer_and_an_attended_one_are_the_same_hand_over() -> None:
    story = answered()
    told = Transfer("t1", story.call.id, "n", "attended", "PJSIP/1001", "PJSIP/1002", T + 5, "success")
    found = found_of(story)
    found.transfers[story.call.id] = [replace(told, id="t2", kind="blonde", at=T + 5.001)]
    assert len(merge(replace(story, transfers=[told]), found, [CUT])) == 0


PAIR = ("Local/95000@from-trunk-00000001;1", "Local/95000@from-trunk-00000001;2")


def local_caller(at: float, first: int, number: str = "138") -> FileCall:
    """A caller played by a Local pair, who hangs up in the middle of the talk: the near half's dialplan does it."""
    call = FileCall(at, first)
    near, far = call.caller, f"19.{first}"
    bridge = {"bridge_id": f"b{first}", "bridge_technology": "simple_bridge"}
    queue = {"context": "queue-support", "app": "Queue", "data": "support,ct,,,300", "number": number}
    call.cel += [
        cel("CHAN_START", at, PAIR[0], near, near, exten="95000", context="from-trunk"),
        cel("CHAN_START", at, PAIR[1], far, near, exten="95000", context="from-trunk"),
        cel("APP_START", at + 1.25, PAIR[1], far, near, **queue),
    ]
    call.rings()
    rung = {"app": "AppQueue", "data": "(Outgoing Line)", "context": "from-seat"}
    call.cel += [
        cel("ANSWER", at + 4, "PJSIP/1001-00000002", call.agent, near, **rung),
        cel("ANSWER", at + 4, PAIR[0], near, near, app="AppDial2", number="1001", name="Amy"),
        cel("BRIDGE_ENTER", at + 4, "PJSIP/1001-00000002", call.agent, near, extra=bridge),
        cel("BRIDGE_ENTER", at + 4, PAIR[1], far, near, extra=bridge),
    ]
    call._hangs_up(9, PAIR[0], near, "dialplan/builtin", 16)
    for channel, uniqueid in ((PAIR[1], far), ("PJSIP/1001-00000002", call.agent)):
        call.cel.append(cel("BRIDGE_EXIT", at + 9.01, channel, uniqueid, near, extra=bridge))
        call._hangs_up(9.02, channel, uniqueid, "", 16)
    call.log = [
        f"{int(at + 1)}|{far}|support|NONE|ENTERQUEUE||{number}|1",
        f"{int(at + 4)}|{far}|support|PJSIP/1001|CONNECT|3|{call.agent}|2",
        f"{int(at + 9)}|{far}|support|PJSIP/1001|COMPLETECALLER|3|5|1",
    ]
    return call


def test_a_restarted_asterisk_gives_the_same_channel_names_again() -> None:
    first, second = stories([local_caller(T, 1), local_caller(T + 60, 2)])
    assert [(story.call.outcome, story.call.ended_by) for story in (first, second)] == [("answered", "caller")] * 2


def test_a_withheld_number_is_nobodys() -> None:
    told = stories([local_caller(T, 1), local_caller(T + 60, 2, number="anonymous")])
    assert [story.call.caller for story in told] == ["138", None]


def test_the_number_that_an_originated_leg_rang_is_not_the_callers() -> None:
    (story,) = stories([local_caller(T, 1)])
    assert (story.call.caller, story.call.caller_name) == ("138", None)


def test_a_bridge_that_was_killed_in_a_consult_knows_who_had_answered() -> None:
    """Else letting go while both talk would read as letting go while the target rings."""
    story = answered()
    ring = replace(story.offers[0], id="o2", wait_id=None, seat="PJSIP/1002")
    floor = Floor("n")
    floor.recall([replace(story.call, ended_at=None)], story.waits, [ring], [], [], [])
    (call,) = floor.facts.calls.values()
    assert [(each.picked_up, each.settled) for each in call.rings] == [(True, True)]


def test_a_wait_that_was_answered_before_the_kill_stays_so_when_the_caller_joins_again() -> None:
    story = answered()
    (wait,) = story.waits
    floor = Floor("n")
    floor.recall([replace(story.call, ended_at=None)], [wait], story.offers, [], [], [])
    caller = (PAIR[1], wait.caller_uniqueid, story.call.linkedid)
    floor.apply(QueueCallerJoin(T + 40, *caller, None, None, "support", 1), T + 40)
    assert wait.outcome == "answered"


def test_with_a_conversation_all_its_cards_go() -> None:
    """Two seats were in an attended transfer when sight was lost, and nobody saw either of them leave."""
    pops = [Pop(f"p{seat}", "n", f"PJSIP/{seat}", "c", None, T, T) for seat in (1001, 1002)]
    watch = Watch("n", Pending("n"))
    watch.screens.recall(pops)
    ended = Conversation("c", "n", "1.1", "inbound", T, ended_at=T + 5, outcome="answered")
    watch._note([ConversationEnded(ended)], T + 6)
    assert [(pop.taken_at, pop.ending) for pop in pops] == [(T + 5, "call_ended")] * 2


def test_legs_that_asterisk_took_along_ended_with_its_last_record() -> None:
    records = [*FileCall(T, 1).arrives().cel, *FileCall(T + 5, 2).arrives().cel, *FileCall(T + 20, 3).arrives().cel]
    events = [event for text in records if isinstance(event := read_record(text), CelEvent)]
    found = list(calls(events))
    cut_off(found, sorted(event.at for event in events), [T - 60.0, T + 15.0])
    ends = [(leg.ended_at, leg.cut) for call in found for leg in call.legs.values()]
    assert ends == [(T + 6.25, True), (T + 6.25, True), (None, False)]
