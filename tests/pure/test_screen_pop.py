"""Cards on screens: put, kept, taken away; the same card for the same conversation, seat and offer."""

from __future__ import annotations

from ami_bridge.changes import (
    AgentRung,
    CallerArrived,
    ConversationEnded,
    RingEnded,
    SeatLetGo,
    TalkBegan,
    TalkEnded,
)
from ami_bridge.screen_pop import Screens
from crm.ledger.conversations import Conversation, Offer, Segment

CALL = Conversation("c-1", "asterisk1", "1.1", "inbound", 100.0)


def offer(id_: str = "o-1", seat: str = "PJSIP/1001") -> Offer:
    return Offer(id_, "c-1", "w-1", "asterisk1", "support", seat, 110.0)


def segment(seat: str = "PJSIP/1001") -> Segment:
    return Segment("s-1", "c-1", "asterisk1", "support", seat, "1.1", 115.0)


def ended(ring: Offer, outcome: str, at: float) -> RingEnded:
    ring.outcome, ring.ended_at = outcome, at
    return RingEnded(ring)


def test_a_ring_puts_the_card_with_the_moment_it_was_heard() -> None:
    screens = Screens()
    pop = screens.pop_for(AgentRung(CALL, None, offer()), 110.5)
    assert pop is not None
    assert (pop.seat, pop.conversation_id, pop.wait_id) == ("PJSIP/1001", "c-1", "w-1")
    assert (pop.rung_at, pop.heard_at, pop.answered_at, pop.taken_at) == (110.0, 110.5, None, None)
    again = screens.pop_for(AgentRung(CALL, None, offer()), 111.0)
    assert again is pop
    assert pop.heard_at == 110.5


def test_an_unanswered_ring_takes_the_card_away_once() -> None:
    screens, ring = Screens(), offer()
    screens.pop_for(AgentRung(CALL, None, ring), 110.5)
    taken = screens.pop_for(ended(ring, "no_answer", 125.0), 125.1)
    assert taken is not None
    assert (taken.taken_at, taken.ending) == (125.0, "ring_ended")
    assert screens.pop_for(ended(ring, "rejected", 125.0), 125.2) is None


def test_a_talk_keeps_the_card_and_its_end_takes_it() -> None:
    screens, ring, talk = Screens(), offer(), segment()
    put = screens.pop_for(AgentRung(CALL, None, ring), 110.5)
    assert screens.pop_for(ended(ring, "answered", 114.0), 114.0) is put
    assert screens.pop_for(TalkBegan(CALL, talk, ring), 115.0) is put
    assert put is not None
    assert put.answered_at == 114.0
    talk.ended_at = 200.0
    assert screens.pop_for(TalkEnded(talk, ring), 200.0) is put
    assert (put.taken_at, put.ending) == (200.0, "call_ended")
    assert screens.pop_for(ConversationEnded(CALL), 201.0) is None


def test_the_card_stays_while_the_seat_consults_until_it_lets_go() -> None:
    screens, ring, talk = Screens(), offer(), segment()
    put = screens.pop_for(AgentRung(CALL, None, ring), 110.5)
    screens.pop_for(TalkBegan(CALL, talk, ring), 115.0)
    talk.ended_at = 150.0
    assert screens.pop_for(TalkEnded(talk, ring, stays=True), 150.0) is None
    assert screens.pop_for(SeatLetGo(talk, 170.0), 170.0) is put
    assert put is not None
    assert put.taken_at == 170.0


def test_who_takes_back_a_parked_caller_has_one_card_though_the_talk_is_heard_before_the_ring() -> None:
    screens, first, talk = Screens(), offer(), segment()
    put = screens.pop_for(AgentRung(CALL, None, first), 110.5)
    screens.pop_for(TalkBegan(CALL, talk, first), 115.0)
    talk.ended_at = 150.0
    assert screens.pop_for(TalkEnded(talk, first), 150.0) is put  # parked
    again, second = segment(), offer("o-2")
    back = screens.pop_for(TalkBegan(CALL, again, first), 160.0)
    assert screens.pop_for(AgentRung(CALL, None, second), 160.1) is back
    again.ended_at = 170.0
    assert screens.pop_for(TalkEnded(again, second), 170.0) is back
    assert back is not None
    assert (back.taken_at, back.ending) == (170.0, "call_ended")
    assert screens.pop_for(ConversationEnded(CALL), 171.0) is None


def test_a_caller_who_leaves_in_the_instant_of_the_answer_leaves_no_card_behind() -> None:
    screens, ring = Screens(), offer()
    screens.pop_for(AgentRung(CALL, None, ring), 110.5)
    screens.pop_for(ended(ring, "answered", 114.0), 114.0)
    over = Conversation("c-1", "asterisk1", "1.1", "inbound", 100.0, ended_at=114.5)
    taken = screens.pop_for(ConversationEnded(over), 114.5)
    assert taken is not None
    assert (taken.taken_at, taken.ending) == (114.5, "call_ended")


def test_each_seat_and_each_offer_has_its_own_card_and_ids_are_the_same_in_a_replay() -> None:
    ids = []
    for _ in range(2):
        screens, first = Screens(), offer()
        pops = [
            screens.pop_for(AgentRung(CALL, None, first), 1.0),
            screens.pop_for(AgentRung(CALL, None, offer("o-2", "PJSIP/1002")), 1.0),
            screens.pop_for(ended(first, "no_answer", 120.0), 120.0),
            screens.pop_for(AgentRung(CALL, None, offer("o-3")), 130.0),
        ]
        ids.append([pop.id for pop in pops if pop is not None])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3
    assert ids[0][0] == ids[0][2]


def test_other_changes_touch_no_screen() -> None:
    assert Screens().pop_for(CallerArrived(CALL), 1.0) is None


def test_a_bridge_started_anew_takes_away_the_cards_of_the_one_before() -> None:
    before, talk = Screens(), segment()
    left = before.pop_for(AgentRung(CALL, None, offer()), 110.5)
    assert left is not None
    screens = Screens()
    screens.recall([left])
    talk.ended_at = 190.0
    taken = screens.pop_for(TalkEnded(talk, None), 200.0)
    assert taken is left
    assert taken.ending == "call_ended"
