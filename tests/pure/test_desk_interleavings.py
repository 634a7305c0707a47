"""Every interleaving of ring, answer, reject, hang-up, pause, ready, sign-out, phone gone and back, cut and restart:
no illegal posture, no call lost, no state shown that Asterisk has not confirmed, no pause that was asked for forgotten.
"""

from __future__ import annotations

import os

import pytest
from ami_stream import Room
from desk_model import Desk, agents_own
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from crm.ledger.conversations import Conversation, Offer, Segment
from crm.rules.agent_state import WORDS
from crm.rules.pause_steps import KEPT, LEAVING, OURS, split
from crm.tables.postures import POSTURES

REASONS = st.sampled_from(("lunch", "tea", LEAVING))
ENDS = ("unpause", "end_after_call_work")
SOME = st.integers(1, 8)


class Interleavings(RuleBasedStateMachine):
    """`want`: the pause that the agent asked for last; None: none; "?": nobody knows after a cut. `works`: a call has
    ended, and nobody has asked to end the work after it."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.want: str | None = None
        self.works = False

    # ---- Asterisk and its people

    @precondition(lambda self: sum(line.phase != "over" for line in self.desk.lines) < 2)
    @rule(then=st.sampled_from(("waits", "rings", "talks")))
    def a_caller_arrives(self, then: str) -> None:
        """Or is further already: what is said of it is heard piece by piece all the same."""
        self.desk.arrive()
        if then != "waits" and self.desk.can_ring:
            self.it_rings()
            if then == "talks":
                self.the_ring_ends("answered")

    @precondition(lambda self: self.desk.can_ring)
    @rule()
    def it_rings(self) -> None:
        line = self.desk.at("waits")
        assert line is not None
        self.desk.ring(line)

    @precondition(lambda self: self.desk.at("rings"))
    @rule(how=st.sampled_from(("answered", "rejected", "no answer", "caller leaves")))
    def the_ring_ends(self, how: str) -> None:
        line = self.desk.at("rings")
        assert line is not None
        if how == "answered":
            self.desk.answer(line)
        elif how == "caller leaves":
            self.desk.caller_leaves(line)
        else:
            self.desk.not_taken(line, *(("BUSY", 21) if how == "rejected" else ("NOANSWER", 0)))

    @precondition(lambda self: self.desk.at("talks"))
    @rule(by_agent=st.booleans())
    def somebody_hangs_up(self, by_agent: bool) -> None:
        line = self.desk.at("talks")
        assert line is not None
        self.desk.hang_up(line, by_agent)
        self.works = self.desk.connected and all(wish.kind not in ENDS for wish in self.desk.under_way)

    @precondition(lambda self: self.desk.at("waits"))
    @rule()
    def a_caller_gives_up(self) -> None:
        line = self.desk.at("waits")
        assert line is not None
        self.desk.caller_leaves(line)

    @rule()
    def the_phone_goes_or_comes(self) -> None:
        if self.desk.truth.at_phone:
            self.desk.phone_goes()
        else:
            self.desk.phone_comes()

    # ---- the agent

    @rule(reason=REASONS, at_once=st.booleans())
    def a_pause_is_asked_for(self, reason: str, at_once: bool) -> None:
        self.desk.ask("pause", reason)
        self.want = reason
        if at_once:
            self.desk.claim()

    @precondition(lambda self: not any(line.phase in ("waits", "rings", "talks") for line in self.desk.lines))
    @rule(reason=REASONS, moment=st.sampled_from(("ringing", "talking", "over", "wrapping up")), heard=st.booleans())
    def a_pause_is_asked_for_around_a_call(self, reason: str, moment: str, heard: bool) -> None:
        self.a_caller_arrives("rings")
        for now in ("ringing", "talking", "over", "wrapping up"):
            if self.desk.at("rings") and now == "talking":
                self.the_ring_ends("answered")
            if self.desk.at("talks") and now == "over":
                self.somebody_hangs_up(True)
            if heard or now == "wrapping up":
                self.some_of_it_arrives()
            if now == moment:
                self.a_pause_is_asked_for(reason, True)

    def some_of_it_arrives(self) -> None:
        for _ in range(3):
            self.desk.claim()
            self.desk.hear(100)
            self.desk.carry(100)

    @rule(kind=st.sampled_from(("unpause", "withdraw_pause", "end_after_call_work")))
    def its_end_is_asked_for(self, kind: str) -> None:
        self.desk.ask(kind)
        if kind != "end_after_call_work":
            self.want = None
        if kind in ENDS:
            self.works = False

    # ---- the wires

    @rule()
    def wishes_are_claimed(self) -> None:
        self.desk.claim()

    @precondition(lambda self: self.desk.said)
    @rule(pieces=SOME)
    def the_bridge_hears(self, pieces: int) -> None:
        self.desk.hear(pieces)

    @precondition(lambda self: self.desk.asked)
    @rule(pieces=SOME)
    def asterisk_carries_out(self, pieces: int) -> None:
        self.desk.carry(pieces)

    @precondition(lambda self: self.desk.connected)
    @rule(killed=st.booleans(), chance=st.integers(0, 3))
    def the_line_is_cut(self, killed: bool, chance: int) -> None:
        if chance:
            return
        self.want, self.works = "?", False
        if killed:
            self.desk.restart()
        else:
            self.desk.cut()

    @precondition(lambda self: not self.desk.connected)
    @rule()
    def the_line_is_back(self) -> None:
        self.desk.connect()

    @rule(seconds=st.sampled_from((0.3, 1.0, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.desk.tick(seconds)

    @rule()
    def all_comes_to_rest(self) -> None:
        """Whatever is under way arrives; then screen, ledger and Asterisk say the same."""
        desk = self.desk
        if not desk.connected:
            desk.connect()
        while desk.said or desk.asked or desk.wanted:
            desk.claim()
            desk.hear(100)
            desk.carry(100)
        for _ in range(4):
            desk.tick(1)
            desk.carry(100)
            desk.hear(100)
        self.screen_is_true()
        self.no_call_is_lost()
        self.what_was_asked_for_holds()

    # ---- what must hold

    @invariant()
    def every_word_is_legal(self) -> None:
        posture = self.desk.posture
        assert posture.word in POSTURES
        assert self.desk.shown.word in WORDS
        assert (posture.pause_reason is None) <= (posture.next_reason is None)

    @invariant()
    def nothing_is_shown_that_asterisk_has_not_said(self) -> None:
        desk, heard = self.desk, self.desk.heard
        shown = desk.shown
        if shown.word == "paused" or (shown.next == "pause" and shown.confirmed):
            assert heard.paused, shown
        if shown.word == "paused":
            assert not heard.busy, shown
        if shown.word == "ready":
            assert not heard.paused, shown

    def screen_is_true(self) -> None:
        desk, truth = self.desk, self.desk.truth
        word = desk.posture.word
        if truth.busy == "talks":
            assert word == "talking"
        elif not truth.at_phone:
            assert word == "offline"
        elif truth.busy == "rings":
            assert word == "ringing"
        elif truth.paused:
            assert word == ("wrapping_up" if split(truth.reason)[0] == "ACW" else "paused")
        else:
            assert word == "ready"
        assert (desk.posture.paused, (desk.posture.pause_reason, desk.posture.next_reason)) == (
            truth.paused,
            split(truth.reason) if truth.paused else (None, None),
        )
        assert desk.under_way == []

    def no_call_is_lost(self) -> None:
        room: Room = self.desk.room
        calls = {row.linkedid: row for row in room.of(Conversation)}
        assert len(calls) == len(room.of(Conversation))
        for line in self.desk.lines:
            call = calls.get(line.leg.uniqueid)
            if call is None:
                assert line.phase == "over", "it came and went while nobody looked"
                continue
            assert (call.ended_at is not None) == (line.phase == "over"), line
            mine = [row for row in room.of(Segment) if row.conversation_id == call.id]
            assert [row.ended_at for row in mine].count(None) == (line.phase == "talks")
            rings = [row for row in room.of(Offer) if row.conversation_id == call.id]
            assert [row.outcome for row in rings].count(None) == (line.phase == "rings")

    def what_was_asked_for_holds(self) -> None:
        if self.works and not self.desk.truth.busy:
            assert split(self.desk.truth.reason)[0] == "ACW"
        if self.want == "?":
            return
        reason = self.desk.truth.reason if self.desk.truth.paused else None
        assert agents_own(reason) == self.want
        present = split(reason)[0]
        assert present is None or present in KEPT or present == self.want
        if self.want is None:
            assert present is None or present in OURS


def run(examples: int, steps: int) -> None:
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(Interleavings, settings=chosen)  # type: ignore[no-untyped-call]


def test_some_interleavings() -> None:
    run(int(os.environ.get("KEFU_TEST_EXAMPLES", "25")), 30)


@pytest.mark.proof
def test_many_interleavings() -> None:
    run(2000, 50)
