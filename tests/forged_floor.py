"""Rows and hints as the bridge writes them, made by hand: for tests of pages that need no Asterisk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

NODE = "asterisk1"
CALLER = "+8613800138000"


@dataclass
class Ring:
    """One ringing of one seat for one caller."""

    seat: str
    linkedid: str
    conversation_id: UUID = field(default_factory=uuid4)
    wait_id: UUID = field(default_factory=uuid4)
    offer_id: UUID = field(default_factory=uuid4)
    segment_id: UUID = field(default_factory=uuid4)
    pop_id: UUID = field(default_factory=uuid4)


class ForgedFloor:
    """A bridge's hand on the live rows of one node. Each deed is one transaction with its hint, as the bridge's are."""

    def __init__(self, url: str, node: str = NODE) -> None:
        self._url = url
        self.node = node

    def do(self, *statements: tuple[str, dict[str, Any]], seats: tuple[str, ...] = ()) -> None:
        """Run statements and hint at the seats, in one transaction."""
        with psycopg.connect(self._url) as connection:
            for sql, values in statements:
                connection.execute(sql, {"node": self.node, **values})
            hint = json.dumps({"node": self.node, "seats": list(seats), "queues": ["support"]})
            connection.execute("SELECT pg_notify('kefu_live', %s)", (hint,))

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """What is in the database now."""
        with psycopg.connect(self._url) as connection:
            return connection.execute(sql, {"node": self.node, **values}).fetchall()

    def see(self) -> None:
        """The node is in sight, and stays so for the length of a test."""
        self.do(
            (
                (
                    "INSERT INTO node (name, heard_at, fence) VALUES (%(node)s, now() + interval '1 hour', 1) "
                    "ON CONFLICT (name) DO UPDATE SET heard_at = EXCLUDED.heard_at, lost_at = NULL"
                ),
                {},
            ),
        )

    def lose_sight(self, at: datetime | None = None) -> None:
        """The bridge has lost its Asterisk."""
        self.do(("UPDATE node SET lost_at = coalesce(%(at)s, now()) WHERE name = %(node)s", {"at": at}))

    def fall_silent(self) -> None:
        """The bridge itself died: nobody says so, and nobody hints."""
        with psycopg.connect(self._url) as connection:
            connection.execute("UPDATE node SET heard_at = now() - interval '4 s' WHERE name = %s", (self.node,))

    def posture(self, seat: str, word: str, **more: Any) -> None:
        """What a seat does now."""
        self.do(self._posture(seat, word, **more), seats=(seat,))

    def stand_in(self, seat: str, queue: str) -> None:
        """The seat is a member of the queue."""
        self.do(
            (
                (
                    "INSERT INTO membership (node, queue, seat, penalty, paused, joined_at) "
                    "VALUES (%(node)s, %(queue)s, %(seat)s, 0, false, now())"
                ),
                {"queue": queue, "seat": seat},
            ),
            seats=(seat,),
        )

    def ring(
        self,
        seat: str,
        *,
        caller: str | None = CALLER,
        caller_name: str | None = None,
        waited: timedelta = timedelta(seconds=12),
        linkedid: str | None = None,
        pressed: list[tuple[str, str]] | None = None,
        facts: dict[str, Any] | None = None,
        queue: str = "support",
        agent_id: UUID | None = None,
    ) -> Ring:
        """A caller comes out of the queue and the seat begins to ring."""
        ring = Ring(seat, linkedid or f"1700000000.{uuid4().int % 10**9}")
        values = {
            "seat": seat,
            "queue": queue,
            "caller": caller,
            "caller_name": caller_name,
            "waited": waited,
            "linkedid": ring.linkedid,
            "c": ring.conversation_id,
            "w": ring.wait_id,
            "o": ring.offer_id,
            "p": ring.pop_id,
        }
        statements: list[tuple[str, dict[str, Any]]] = [
            (
                (
                    "INSERT INTO conversation (id, node, linkedid, direction, caller, caller_name, dialled, "
                    "started_at, reconstructed) VALUES (%(c)s, %(node)s, %(linkedid)s, 'inbound', %(caller)s, "
                    "%(caller_name)s, '4001', now() - %(waited)s - interval '25 s', false)"
                ),
                values,
            ),
            (
                (
                    "INSERT INTO wait (id, conversation_id, node, queue, caller_uniqueid, position, "
                    "entered_at, reconstructed) VALUES (%(w)s, %(c)s, %(node)s, %(queue)s, %(linkedid)s, 1, "
                    "now() - %(waited)s, false)"
                ),
                values,
            ),
        ]
        if pressed is not None:
            steps = [{"at_s": 1.0, "step": "ask", "prompt": prompt, "pressed": key} for prompt, key in pressed]
            visit = {**values, "steps": Jsonb(steps), "keys": "".join(key for _, key in pressed), "v": uuid4()}
            statements.append(
                (
                    (
                        "INSERT INTO visit (id, node, linkedid, uniqueid, flow, language, started_at, steps, pressed, "
                        "served) VALUES (%(v)s, %(node)s, %(linkedid)s, %(linkedid)s, 'front_desk', 'zh', now(), "
                        "%(steps)s, %(keys)s, false)"
                    ),
                    visit,
                )
            )
        if facts is not None:
            known = {"number_e164": None, "customer_id": None, "language": None, "matter": None, **values, **facts}
            statements.append(
                (
                    (
                        "INSERT INTO caller_facts (node, linkedid, number_e164, customer_id, language, matter, "
                        "learnt_at) VALUES (%(node)s, %(linkedid)s, %(number_e164)s, %(customer_id)s, %(language)s, "
                        "%(matter)s, now())"
                    ),
                    known,
                )
            )
        self.do(*statements)
        self.offer(ring, agent_id)
        return ring

    def offer(self, ring: Ring, agent_id: UUID | None = None) -> None:
        """The seat rings (again) for a caller who waits."""
        values = {"seat": ring.seat, "c": ring.conversation_id, "w": ring.wait_id, "o": ring.offer_id, "p": ring.pop_id}
        values["agent"] = agent_id
        self.do(
            (
                (
                    "INSERT INTO offer (id, conversation_id, wait_id, node, queue, seat, agent_id, "
                    "started_at, reconstructed) VALUES (%(o)s, %(c)s, %(w)s, %(node)s, 'support', %(seat)s, %(agent)s, "
                    "now(), false)"
                ),
                values,
            ),
            (
                (
                    "INSERT INTO pop (id, node, seat, conversation_id, wait_id, rung_at, heard_at) "
                    "VALUES (%(p)s, %(node)s, %(seat)s, %(c)s, %(w)s, clock_timestamp(), clock_timestamp())"
                ),
                values,
            ),
            self._posture(ring.seat, "ringing", conversation_id=ring.conversation_id, offer_id=ring.offer_id),
            seats=(ring.seat,),
        )

    def answer(self, ring: Ring, agent_id: UUID | None = None) -> None:
        """The agent picks up."""
        values = {"c": ring.conversation_id, "s": ring.segment_id, "o": ring.offer_id, "p": ring.pop_id}
        values |= {"w": ring.wait_id, "seat": ring.seat, "linkedid": ring.linkedid, "agent": agent_id}
        self.do(
            ("UPDATE wait SET left_at = now(), outcome = 'answered' WHERE id = %(w)s", values),
            ("UPDATE offer SET ended_at = now(), outcome = 'answered' WHERE id = %(o)s", values),
            ("UPDATE pop SET answered_at = now() WHERE id = %(p)s", values),
            (
                (
                    "INSERT INTO segment (id, conversation_id, node, queue, seat, agent_id, caller_uniqueid, "
                    "started_at, hold_s, reconstructed) VALUES (%(s)s, %(c)s, %(node)s, 'support', %(seat)s, "
                    "%(agent)s, %(linkedid)s, now(), 0, false)"
                ),
                values,
            ),
            self._posture(ring.seat, "talking", conversation_id=ring.conversation_id, segment_id=ring.segment_id),
            seats=(ring.seat,),
        )

    def consults(self, ring: Ring, other: str) -> None:
        """The seat that talks asks another one by keys, which rings; the caller hears music."""
        values = {"c": ring.conversation_id, "s": ring.segment_id, "p": uuid4(), "other": other}
        self.do(
            ("UPDATE segment SET ended_at = now() WHERE id = %(s)s", values),
            (
                (
                    "INSERT INTO pop (id, node, seat, conversation_id, rung_at, heard_at) "
                    "VALUES (%(p)s, %(node)s, %(other)s, %(c)s, clock_timestamp(), clock_timestamp())"
                ),
                values,
            ),
            self._posture(ring.seat, "talking", conversation_id=ring.conversation_id),
            self._posture(other, "ringing", conversation_id=ring.conversation_id),
            seats=(ring.seat, other),
        )

    def miss(self, ring: Ring) -> None:
        """The ring ends without an answer; the caller goes on waiting."""
        values = {"o": ring.offer_id, "p": ring.pop_id}
        self.do(
            ("UPDATE offer SET ended_at = now(), outcome = 'no_answer' WHERE id = %(o)s", values),
            ("UPDATE pop SET taken_at = now(), ending = 'ring_ended' WHERE id = %(p)s", values),
            self._posture(ring.seat, "ready"),
            seats=(ring.seat,),
        )

    def hang_up(self, ring: Ring) -> None:
        """The call ends and after-call work begins."""
        values = {"c": ring.conversation_id, "s": ring.segment_id, "p": ring.pop_id}
        self.do(
            ("UPDATE segment SET ended_at = now() WHERE id = %(s)s", values),
            (
                (
                    "UPDATE conversation SET ended_at = now(), outcome = 'answered', ended_by = 'caller', "
                    "hangup_cause = 16 WHERE id = %(c)s"
                ),
                values,
            ),
            ("UPDATE pop SET taken_at = now(), ending = 'call_ended' WHERE id = %(p)s", values),
            self._posture(
                ring.seat, "wrapping_up", conversation_id=ring.conversation_id, paused=True, pause_reason="ACW"
            ),
            seats=(ring.seat,),
        )

    def settle(self, seat: str, state: str = "confirmed", why: str | None = None) -> None:
        """Asterisk answers all open wishes of a seat."""
        self.do(
            (
                (
                    "UPDATE pbx_request SET state = %(state)s, why = %(why)s, sent_at = now(), settled_at = now() "
                    "WHERE node = %(node)s AND seat = %(seat)s AND state IN ('wanted', 'sent')"
                ),
                {"seat": seat, "state": state, "why": why},
            ),
            seats=(seat,),
        )

    def _posture(self, seat: str, word: str, **more: Any) -> tuple[str, dict[str, Any]]:
        values = {
            "seat": seat,
            "word": word,
            "since": None,
            "paused": False,
            "pause_reason": None,
            "conversation_id": None,
            "offer_id": None,
            "segment_id": None,
            **more,
        }
        return (
            (
                "INSERT INTO posture (node, seat, word, since, paused, pause_reason, conversation_id, offer_id, "
                "segment_id) VALUES (%(node)s, %(seat)s, %(word)s, coalesce(%(since)s, now()), %(paused)s, "
                "%(pause_reason)s, %(conversation_id)s, %(offer_id)s, %(segment_id)s) ON CONFLICT (node, seat) "
                "DO UPDATE SET word = EXCLUDED.word, since = EXCLUDED.since, paused = EXCLUDED.paused, "
                "pause_reason = EXCLUDED.pause_reason, conversation_id = EXCLUDED.conversation_id, "
                "offer_id = EXCLUDED.offer_id, segment_id = EXCLUDED.segment_id"
            ),
            values,
        )
