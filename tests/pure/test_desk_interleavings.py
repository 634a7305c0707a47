"""Every interleaving of ring, answer, reject, hang-up, pause, ready, sign-out, phone gone and back, cut and restart:
no illegal posture, no call lost, no state shown that Asterisk has not confirmed, no pause that was asked for forgotten.
"""

from __future__ import annotations

import os

import pytest
from ami_stream import Room
from desk_model import QUEUES, SEATS, Desks, Line, agents_own
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
SEAT = st.sampled_from(SEATS)
QUEUE = st.sampled_from(QUEUES)
WHICH = st.integers(0, 3)
"""Of those that there are, counted round."""


class Interleavings(RuleBasedStateMachine):
    """`want`: the pause that each agent asked for last; None: none; "?": nobody knows after a cut. `works`: a call has
    ended, and nobody has asked to end the work after it."""

    def __init__(self) -> None:
        super().__init__()
        self.desks = Desks()
        self.want: dict[str, str | None] = dict.fromkeys(SEATS)
        self.works = dict.fromkeys(SEATS, False)

    # ---- Asterisk and its people

    @precondition(lambda self: sum(line.phase != "over" for line in self.desks.lines) < 3)
    @rule(then=st.sampled_from(("waits", "rings", "talks")), queue=QUEUE, which=WHICH)
    def a_caller_arrives(self, then: str, queue: str, which: int) -> None:
        """Or is further already: what is said of it is heard piece by piece all the same."""
        line = self.desks.arrive(queue)
        free = self.desks.free
        if then != "waits" and free:
            self.desks.ring(line, free[which % len(free)])
            if then == "talks":
                self.desks.answer(line)

    @precondition(lambda self: self.desks.free and self.desks.all_at("waits"))
    @rule(which=WHICH, where=WHICH)
    def it_rings(self, which: int, where: int) -> None:
        free, waiting = self.desks.free, self.desks.all_at("waits")
        self.desks.ring(waiting[which % len(waiting)], free[where % len(free)])

    @precondition(lambda self: self.desks.all_at("rings"))
    @rule(which=WHICH, how=st.sampled_from(("answered", "rejected", "no answer", "caller leaves")))
    def a_ring_ends(self, which: int, how: str) -> None:
        line = _one(self.desks.all_at("rings"), which)
        if how == "answered":
            self.desks.answer(line)
        elif how == "caller leaves":
            self.desks.caller_leaves(line)
        else:
            self.desks.not_taken(line, *(("BUSY", 21) if how == "rejected" else ("NOANSWER", 0)))

    @precondition(lambda self: self.desks.all_at("talks"))
    @rule(which=WHICH, by_agent=st.booleans())
    def somebody_hangs_up(self, which: int, by_agent: bool) -> None:
        line = _one(self.desks.all_at("talks"), which)
        seat = line.seat
        self.desks.hang_up(line, by_agent)
        under_way = self.desks.under_way(seat)
        self.works[seat] = self.desks.connected and all(wish.kind not in ENDS for wish in under_way)

    @precondition(lambda self: self.desks.all_at("waits"))
    @rule(which=WHICH)
    def a_caller_gives_up(self, which: int) -> None:
        self.desks.caller_leaves(_one(self.desks.all_at("waits"), which))

    @rule(seat=SEAT)
    def a_phone_goes_or_comes(self, seat: str) -> None:
        if self.desks.truth[seat].at_phone:
            self.desks.phone_goes(seat)
        else:
            self.desks.phone_comes(seat)

    # ---- the agents

    @rule(seat=SEAT, reason=REASONS, at_once=st.booleans())
    def a_pause_is_asked_for(self, seat: str, reason: str, at_once: bool) -> None:
        self.desks.ask(seat, "pause", reason)
        self.want[seat] = reason
        if at_once:
            self.desks.claim()

    @precondition(lambda self: self.desks.free and not any(line.phase != "over" for line in self.desks.lines))
    @rule(
        where=WHICH,
        queue=QUEUE,
        reason=REASONS,
        moment=st.sampled_from(("ringing", "talking", "over", "wrapping up")),
        heard=st.booleans(),
    )
    def a_pause_is_asked_for_around_a_call(self, where: int, queue: str, reason: str, moment: str, heard: bool) -> None:
        seat = self.desks.free[where % len(self.desks.free)]
        line = self.desks.arrive(queue)
        self.desks.ring(line, seat)
        for now in ("ringing", "talking", "over", "wrapping up"):
            if line.phase == "rings" and now == "talking":
                self.desks.answer(line)
            if line.phase == "talks" and now == "over":
                self.somebody_hangs_up(0, True)
            if heard or now == "wrapping up":
                self.some_of_it_arrives()
            if now == moment:
                self.a_pause_is_asked_for(seat, reason, True)

    def some_of_it_arrives(self) -> None:
        for _ in range(3):
            self.desks.claim()
            self.desks.hear(100)
            self.desks.carry(100)

    @rule(seat=SEAT, kind=st.sampled_from(("unpause", "withdraw_pause", "end_after_call_work")))
    def its_end_is_asked_for(self, seat: str, kind: str) -> None:
        self.desks.ask(seat, kind)
        if kind != "end_after_call_work":
            self.want[seat] = None
        if kind in ENDS:
            self.works[seat] = False

    # ---- the wires

    @rule()
    def wishes_are_claimed(self) -> None:
        self.desks.claim()

    @precondition(lambda self: self.desks.said)
    @rule(pieces=SOME)
    def the_bridge_hears(self, pieces: int) -> None:
        self.desks.hear(pieces)

    @precondition(lambda self: self.desks.asked)
    @rule(pieces=SOME)
    def asterisk_carries_out(self, pieces: int) -> None:
        self.desks.carry(pieces)

    @precondition(lambda self: self.desks.connected)
    @rule(killed=st.booleans(), chance=st.integers(0, 3))
    def the_line_is_cut(self, killed: bool, chance: int) -> None:
        if chance:
            return
        self.want, self.works = dict.fromkeys(SEATS, "?"), dict.fromkeys(SEATS, False)
        if killed:
            self.desks.restart()
        else:
            self.desks.cut()

    @precondition(lambda self: not self.desks.connected)
    @rule()
    def the_line_is_back(self) -> None:
        self.desks.connect()

    @rule(seconds=st.sampled_from((0.3, 1.0, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.desks.tick(seconds)

    @rule()
    def all_comes_to_rest(self) -> None:
        """Whatever is under way arrives; then screens, ledger and Asterisk say the same."""
        desks = self.desks
        if not desks.connected:
            desks.connect()
        while desks.said or desks.asked or desks.wanted:
            desks.claim()
            desks.hear(100)
            desks.carry(100)
        for _ in range(4):
            desks.tick(1)
            desks.carry(100)
            desks.hear(100)
        for seat in SEATS:
            self.screen_is_true(seat)
            self.what_was_asked_for_holds(seat)
        self.no_call_is_lost()

    # ---- what must hold

    @invariant()
    def every_word_is_legal(self) -> None:
        for seat in SEATS:
            posture = self.desks.posture(seat)
            assert posture.word in POSTURES
            assert self.desks.shown(seat).word in WORDS
            assert (posture.pause_reason is None) <= (posture.next_reason is None)

    @invariant()
    def nothing_is_shown_that_asterisk_has_not_said(self) -> None:
        for seat in SEATS:
            heard, shown = self.desks.heard[seat], self.desks.shown(seat)
            if shown.word == "paused" or (shown.next == "pause" and shown.confirmed):
                assert heard.paused, (seat, shown)
            if shown.word == "paused":
                assert not heard.busy, (seat, shown)
            if shown.word == "ready":
                assert not heard.paused, (seat, shown)

    def screen_is_true(self, seat: str) -> None:
        truth, posture = self.desks.truth[seat], self.desks.posture(seat)
        word = posture.word
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
        assert (posture.paused, (posture.pause_reason, posture.next_reason)) == (
            truth.paused,
            split(truth.reason) if truth.paused else (None, None),
        )
        assert self.desks.under_way(seat) == []

    def no_call_is_lost(self) -> None:
        room: Room = self.desks.room
        calls = {row.linkedid: row for row in room.of(Conversation)}
        assert len(calls) == len(room.of(Conversation))
        for line in self.desks.lines:
            call = calls.get(line.leg.uniqueid)
            if call is None:
                assert line.phase == "over", "it came and went while nobody looked"
                continue
            assert (call.ended_at is not None) == (line.phase == "over"), line
            mine = [row for row in room.of(Segment) if row.conversation_id == call.id]
            assert [row.seat for row in mine if row.ended_at is None] == [line.seat] * (line.phase == "talks")
            rings = [row for row in room.of(Offer) if row.conversation_id == call.id]
            assert [row.seat for row in rings if row.outcome is None] == [line.seat] * (line.phase == "rings")

    def what_was_asked_for_holds(self, seat: str) -> None:
        truth, want = self.desks.truth[seat], self.want[seat]
        if self.works[seat] and not truth.busy:
            assert split(truth.reason)[0] == "ACW"
        if want == "?":
            return
        reason = truth.reason if truth.paused else None
        assert agents_own(reason) == want
        present = split(reason)[0]
        assert present is None or present in KEPT or present == want
        if want is None:
            assert present is None or present in OURS


def _one(lines: list[Line], which: int) -> Line:
    return lines[which % len(lines)]


def run(examples: int, steps: int) -> None:
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(Interleavings, settings=chosen)  # type: ignore[no-untyped-call]


def test_some_interleavings() -> None:
    run(int(os.environ.get("KEFU_TEST_EXAMPLES", "25")), 30)


@pytest.mark.proof
def test_many_interleavings() -> None:
    run(2000, 50)
