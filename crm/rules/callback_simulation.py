"""Ten thousand callers in a minute: a queue with promises, played event by event with the rules that hold in earnest.

Callers come, wait, leave or press for a callback; promises are placed as the bridge places them, served as Asterisk
serves (the earliest place first), dialled when an agent is there, tried again as the policy says. At every event it is
checked that nobody was overtaken beyond credit, and that no more customers are dialled than agents are bound to them.
Called by `kefu callback simulate` and by tests. Pure: the randomness comes from the seed.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count

from msgspec import Struct, field

from .callback_policy import after

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
CLAIM_EVERY_S = 1.0
"""The bridge looks what is due once a second at least; who became due since then, or for whom a place has come free,
has none yet."""
SLACK_S = 1.0
"""Places have whole seconds in Asterisk."""
CREDITS_S = (0, 0, 0, 60, 180, 600)


ANSWERS: Mapping[str, float] = {
    "reached": 0.72,
    "no_answer": 0.12,
    "busy": 0.05,
    "voicemail": 0.05,
    "later": 0.03,
    "rejected": 0.02,
    "cancelled": 0.01,
}


class Center(Struct, frozen=True):
    """What is played. `asks_share`: of callers who meet a wait of `offer_from_s` or more, those who press for a
    callback. `answers`: how customers' phones end a dial, by weight."""

    callers: int = 10_000
    agents: int = 40
    per_hour: float = 720.0
    handle_s: float = 190.0
    patience_s: float = 240.0
    asks_share: float = 0.5
    offer_from_s: float = 30.0
    ring_s: float = 12.0
    places: int = 20
    answers: Mapping[str, float] = field(default_factory=lambda: ANSWERS)


class Report(Struct):
    """What came of it. `overtakes`, `dials_beyond_agents`, `lost`, `two_tries_at_once` must be 0."""

    callers: int = 0
    served_live: int = 0
    abandoned: int = 0
    promised: int = 0
    reached: int = 0
    dials: int = 0
    overtakes: int = 0
    dials_beyond_agents: int = 0
    two_tries_at_once: int = 0
    lost: int = 0
    most_dials_at_once: int = 0
    most_promises_open: int = 0
    wait_live_s: float = 0.0
    wait_saved_s: float = 0.0
    worst_turn_late_s: float = 0.0
    endings: dict[str, int] = field(default_factory=dict)


class _Someone(Struct):
    """A caller on the line, or a promise. `place`: joined less credit, seconds."""

    number: int
    joined: float
    credit_s: int
    promised: bool = False
    state: str = "waiting"
    dials: int = 0
    trying: bool = False

    @property
    def place(self) -> float:
        return self.joined - self.credit_s


def simulate(center: Center, seed: int = 1) -> Report:
    """Play it to the end: until every caller has been served, has left, or has been given up by the policy."""
    return _Play(center, random.Random(seed)).run()  # noqa: S311 - no secret hangs on it


class _Play:
    def __init__(self, center: Center, chance: random.Random) -> None:
        self.center = center
        self.chance = chance
        self.now = 0.0
        self.free = center.agents
        self.bound = 0
        self.dialling = 0
        self.report = Report()
        self.events: list[tuple[float, int, str, _Someone | None]] = []
        self.order = count()
        self.queue: list[tuple[float, int, _Someone]] = []
        self.due: list[tuple[float, int, _Someone]] = []
        self.open = 0
        self.claims = False

    def run(self) -> Report:
        at, gap = 0.0, 3600.0 / self.center.per_hour
        for number in range(self.center.callers):
            at += self.chance.expovariate(1 / gap)
            self._at(at, "arrives", _Someone(number, at, self.chance.choice(CREDITS_S)))
        while self.events:
            self.now, _, what, who = heapq.heappop(self.events)
            getattr(self, f"_{what}")(who)
            self._serve()
            self._check()
        report = self.report
        report.callers = self.center.callers
        ended = report.served_live + report.abandoned + sum(report.endings.values())
        report.lost = self.center.callers - ended + self.open
        return report

    def _at(self, at: float, what: str, who: _Someone | None) -> None:
        heapq.heappush(self.events, (at, next(self.order), what, who))

    # ---- on the line

    def _arrives(self, who: _Someone) -> None:
        waits_s = self._foretold()
        if waits_s >= self.center.offer_from_s and self.chance.random() < self.center.asks_share:
            self._promise(who)
            return
        heapq.heappush(self.queue, (who.place, who.number, who))
        self._at(self.now + self.chance.expovariate(1 / self.center.patience_s), "gives_up", who)

    def _gives_up(self, who: _Someone) -> None:
        if who.state == "waiting" and not who.promised:
            who.state = "abandoned"
            self.report.abandoned += 1

    def _foretold(self) -> float:
        if self.free:
            return 0.0
        return (len(self.queue) + 1) * self.center.handle_s / self.center.agents

    # ---- promises

    def _promise(self, who: _Someone) -> None:
        who.promised = True
        self.report.promised += 1
        self.open += 1
        self.report.most_promises_open = max(self.report.most_promises_open, self.open)
        self._becomes_due(who)

    def _becomes_due(self, who: _Someone) -> None:
        heapq.heappush(self.due, (who.place, who.number, who))
        self._look_soon()

    def _look_soon(self) -> None:
        if not self.claims:
            self.claims = True
            self._at(self.now + self.chance.random() * CLAIM_EVERY_S, "claim", None)

    def _claim(self, nobody: None) -> None:
        """As the bridge does: what is due, in the order of places, as many as may stand in the queue; beyond that, who
        comes before the last who stands there."""
        self.claims = False
        while self.due:
            who = self.due[0][2]
            standing = [each for _, _, each in self.queue if each.promised and each.state == "waiting"]
            if len(standing) >= self.center.places and who.place >= max(each.place for each in standing):
                return
            heapq.heappop(self.due)
            self.report.two_tries_at_once += who.trying
            who.trying, who.state = True, "waiting"
            heapq.heappush(self.queue, (who.place, who.number, who))

    def _customer(self, who: _Someone) -> None:
        """The end of a dial: what the customer's phone did, and what the policy makes of it."""
        self.dialling -= 1
        words = list(self.center.answers)
        outcome = self.chance.choices(words, [self.center.answers[word] for word in words])[0]
        who.dials += 1
        if outcome == "reached":
            self.report.wait_saved_s += self.now - who.joined
            self._at(self.now + self.chance.expovariate(1 / self.center.handle_s), "promise_served", who)
            return
        self._let_go(who)
        then = after(outcome, dials=who.dials, credit_s=who.credit_s, now=EPOCH + timedelta(seconds=self.now))
        if then.due_at is None:
            self._ends(who, then.state)
            return
        who.credit_s, who.state = then.credit_s, "later"
        self._at((then.due_at - EPOCH).total_seconds(), "becomes_due", who)

    def _promise_served(self, who: _Someone) -> None:
        self._let_go(who)
        self.report.reached += 1
        self._ends(who, "reached")

    def _let_go(self, who: _Someone) -> None:
        who.trying = False
        self.bound -= 1
        self.free += 1

    def _ends(self, who: _Someone, word: str) -> None:
        who.state = word
        self.open -= 1
        self.report.endings[word] = self.report.endings.get(word, 0) + 1

    # ---- agents

    def _serve(self) -> None:
        while self.free and self.queue:
            _, _, who = heapq.heappop(self.queue)
            if who.state != "waiting":
                continue
            self._was_fair(who)
            self.free -= 1
            if who.promised:
                who.state = "dialled"
                self.bound += 1
                self.dialling += 1
                self.report.dials += 1
                if self.due:
                    self._look_soon()
                ring_s = self.chance.uniform(0.3, 2) * self.center.ring_s
                self._at(self.now + ring_s, "customer", who)
            else:
                who.state = "served"
                self.report.served_live += 1
                self.report.wait_live_s += self.now - who.joined
                self._at(self.now + self.chance.expovariate(1 / self.center.handle_s), "live_served", who)

    def _live_served(self, who: _Someone) -> None:
        self.free += 1

    def _was_fair(self, served: _Someone) -> None:
        """Nobody who stood there had a better place; nor did a promise, but for one that the next look is for: who has
        become due, or for whom a place has come free, since the last."""
        due = self.due[0][2] if self.due and not self.claims else None
        for other in (each for each in (self._first(self.queue), due) if each is not None):
            late_s = served.place - other.place
            if late_s > SLACK_S:
                self.report.overtakes += 1
                self.report.worst_turn_late_s = max(self.report.worst_turn_late_s, late_s)

    @staticmethod
    def _first(heap: list[tuple[float, int, _Someone]]) -> _Someone | None:
        while heap and heap[0][2].state != "waiting":
            heapq.heappop(heap)
        return heap[0][2] if heap else None

    def _check(self) -> None:
        report = self.report
        report.dials_beyond_agents += self.dialling > self.bound
        report.most_dials_at_once = max(report.most_dials_at_once, self.dialling)
