"""Where people stand in the tables: for each column with words, whether it may speak of a person, and what an erasure
makes of it. A test holds this list against the tables themselves, so that no new table or column is forgotten.

`own` says which rows are a person's (SQL; :customers, :conversations and :cases are ids, :spellings their numbers in
every spelling, :codes, :keys all ids as text). Called by crm/personal_rows.py. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

GONE, EMPTY, NOTHING = "NULL", "''", "CAST('{}' AS jsonb)"
WORD, SAME = "CAST(:word AS text)", "CAST(:pseudonym AS text)"
EACH = f"{WORD} || '-' || id"
"""What is written over a value: nothing, an empty text, a word that says so; a name that stays the same for all rows of
this person, so that counting callers gives what it gave; one of the row's own, where none may occur twice."""


class Held(Struct, frozen=True):
    """One table. `fields`: what is written over columns of own rows; `remove`: own rows go whole. `scrub`: columns in
    which the person may be named in any row; `bytes_`: likewise as bytes, the row goes. `plain`: words of our own, of
    staff or of machines."""

    own: str = ""
    fields: Mapping[str, str] = {}
    remove: bool = False
    scrub: tuple[str, ...] = ()
    bytes_: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()


_CUSTOMER = "customer_id = ANY(:customers)"
_CONVERSATION = "conversation_id = ANY(:conversations)"
_CASE = "case_id = ANY(:cases)"
_CALL = "(node, linkedid) IN (SELECT c.node, c.linkedid FROM conversation c WHERE c.id = ANY(:conversations))"
_ALONE = (
    "e164 = ANY(:spellings) AND NOT EXISTS (SELECT FROM organisation_member m "
    "WHERE m.organisation_id = organisation_phone.organisation_id AND m.customer_id <> ALL(:customers))"
)
_LINE = (
    "customer_id = ANY(:customers) OR code = ANY(:codes) OR EXISTS (SELECT FROM customer_import_number n "
    "WHERE n.import_id = customer_import_line.import_id AND n.line = customer_import_line.line "
    "AND n.e164 = ANY(:spellings))"
)
# What of a case's history is a word of ours stays: it is counted. Everything else was typed.
_COUNTED = "('tier', 'state', 'category', 'owner', 'handler', 'owner_id', 'handler_id', 'reopened', 'clock')"
_KEYS = (
    "coalesce((SELECT jsonb_agg(CASE WHEN length(s.step ->> 'pressed') > 3 "
    "THEN jsonb_set(s.step, '{pressed}', to_jsonb(CAST(:word AS text))) ELSE s.step END ORDER BY s.place) "
    "FROM jsonb_array_elements(steps) WITH ORDINALITY AS s(step, place)), '[]')"
)


def _their(column: str) -> str:
    return f"CASE WHEN {column} = ANY(:spellings) THEN {SAME} ELSE {column} END"


_PHONE = ("raw", "e164", "country", "validity", "kind", "do_not_call_by")

CALLS: dict[str, Held] = {
    "conversation": Held(
        own="id = ANY(:conversations)",
        fields={"caller": f"CASE WHEN caller IS NOT NULL THEN {SAME} END", "caller_name": GONE,
                "dialled": _their("dialled")},
        scrub=("caller", "caller_name", "dialled"),
        plain=("node", "linkedid", "direction", "outcome", "ended_by"),
    ),
    "wait": Held(plain=("node", "queue", "caller_uniqueid", "outcome")),
    "offer": Held(plain=("node", "queue", "seat", "outcome")),
    "segment": Held(plain=("node", "queue", "seat", "caller_uniqueid", "seat_uniqueid")),
    "transfer": Held(own=_CONVERSATION, fields={"to": _their('"to"')}, scrub=("to",),
                     plain=("node", "kind", "from_seat", "outcome")),
    "visit": Held(own=_CALL, fields={"steps": _KEYS, "pressed": EMPTY}, scrub=("steps", "pressed"),
                  plain=("node", "linkedid", "uniqueid", "flow", "language", "last_prompt", "ending", "closed_why")),
    "caller_facts": Held(own=_CALL, fields={"number_e164": GONE}, scrub=("number_e164", "matter"),
                         plain=("node", "linkedid", "language")),
    "routing": Held(own=_CALL, scrub=("credit_reasons", "last_agent_why"),
                    plain=("node", "linkedid", "queue", "last_seat", "prediction_why")),
    "pop": Held(plain=("node", "seat", "ending")),
    "pop_shown": Held(),
    "voicemail": Held(plain=("node", "linkedid", "box", "file")),
    "voicemail_work": Held(
        own="voicemail_id IN (SELECT v.id FROM voicemail v WHERE v.conversation_id = ANY(:conversations))",
        fields={"note": EMPTY}, scrub=("note",), plain=("state",)),
    "wrap_up": Held(own=_CONVERSATION, fields={"note": EMPTY}, scrub=("note",), plain=("outcome",)),
    "follow_up": Held(own=f"{_CUSTOMER} OR {_CONVERSATION}", fields={"about": EMPTY}, scrub=("about",)),
    "set_aside": Held(scrub=("row", "reason"), plain=("node", "table_name")),
    "correction": Held(scrub=("what",), plain=("node",)),
    "pbx_request": Held(own=_CONVERSATION, fields={"target": _their("target")}, scrub=("reason", "why", "target"),
                        plain=("node", "kind", "seat", "queue", "asked_by", "state")),
    "handover_note": Held(own=_CONVERSATION, fields={"body": EMPTY}, scrub=("body",)),
    "raised_hand": Held(own=_CONVERSATION, fields={"about": EMPTY}, scrub=("about",),
                        plain=("node", "seat", "seen_by")),
    "callback": Held(
        own="customer_id = ANY(:customers) OR number_e164 = ANY(:spellings)", remove=True,
        scrub=("about", "not_now_why"),
        plain=("node", "queue", "number_e164", "language", "source", "mode", "booked_by", "linkedid", "zone", "wish",
               "state", "outcome", "not_now", "at_risk_why", "closed_by")),
    "callback_attempt": Held(scrub=("why",),
                             plain=("node", "queue", "kind", "seat", "chose", "dial_status", "outcome")),
    "number_list": Held(own="number = ANY(:spellings) AND NOT is_prefix", remove=True, scrub=("reason",),
                        plain=("number", "kind", "by")),
}  # fmt: skip

CUSTOMERS: dict[str, Held] = {
    "customer": Held(
        own="id = ANY(:customers)",
        fields={"code": EACH, "name": WORD, "company": GONE, "note": EMPTY},
        scrub=("company", "note"),
        plain=("code", "name", "tier", "language"),
    ),
    "customer_phone": Held(own=_CUSTOMER, remove=True, plain=_PHONE),
    "customer_change": Held(own=_CUSTOMER, fields={"changes": NOTHING}, scrub=("changes",), plain=("by",)),
    "customer_merge": Held(own="kept_id = ANY(:customers) OR merged_id = ANY(:customers)", fields={"filled": NOTHING},
                           scrub=("filled",), plain=("by", "moved", "undone_by")),
    "organisation_merge": Held(scrub=("filled",), plain=("by", "moved", "undone_by")),
    "caller_pick": Held(own="customer_id = ANY(:customers) OR number_e164 = ANY(:spellings)", remove=True,
                        plain=("number_e164", "picked_by")),
    "organisation": Held(scrub=("name", "note"), plain=("code", "kind")),
    "organisation_phone": Held(own=_ALONE, remove=True, plain=_PHONE),
    "organisation_member": Held(own=_CUSTOMER, remove=True, plain=("role",)),
    "customer_import": Held(scrub=("file_name",), plain=("digest", "state", "by", "counts")),
    "customer_import_line": Held(
        own=_LINE, remove=True, scrub=("fault", "name", "company", "note", "organisation"),
        plain=("state", "code", "tier", "language", "organisation_kind")),
    "customer_import_number": Held(own="e164 = ANY(:spellings)", remove=True, scrub=("raw",),
                                   plain=("e164", "country", "validity", "kind")),
    "customer_order": Held(own=_CUSTOMER, fields={"number": EACH}, scrub=("item",),
                           plain=("number", "state", "currency", "source")),
    "customer_fact": Held(own=_CUSTOMER, remove=True, scrub=("value",), plain=("name", "unit", "source")),
    "feed_file": Held(scrub=("name", "faults"), plain=("kind", "digest", "source", "state")),
    "customer_note": Held(own=_CUSTOMER, fields={"body": WORD}, scrub=("body",), plain=("author",)),
    "customer_value": Held(own=_CUSTOMER, fields={"held_why": GONE}, scrub=("held_why",),
                           plain=("segment", "standing", "applied", "held_by")),
    "tier_change": Held(own=_CUSTOMER, scrub=("why",), plain=("from_tier", "to_tier", "by")),
    "value_rule": Held(plain=("name", "changed_by")),
    "value_run": Held(plain=("state", "rules", "bounds")),
    "value_figure": Held(),
}  # fmt: skip

CASES: dict[str, Held] = {
    "customer_case": Held(
        own="id = ANY(:cases)",
        fields={"caller": f"CASE WHEN caller IS NOT NULL THEN {SAME} END", "subject": WORD, "description": EMPTY,
                "solution": f"CASE WHEN solution <> '' THEN {WORD} ELSE '' END"},
        scrub=("caller", "subject", "description", "solution"),
        plain=("number", "opening_key", "category", "tier", "state", "opened_by", "closed_by"),
    ),
    "case_event": Held(
        own=_CASE,
        fields={"was": f"CASE WHEN field IN {_COUNTED} THEN was END",
                "became": f"CASE WHEN field IN {_COUNTED} THEN became END", "said": EMPTY},
        scrub=("was", "became", "said"),
        plain=("by", "did", "field"),
    ),
    "case_category": Held(plain=("code", "title_en", "title_zh", "starts_at", "check_en", "check_zh")),
    "case_team": Held(plain=("tier",)),
    "case_clock": Held(plain=("kind",)),
    "case_conversation": Held(plain=("by",)),
    "no_case": Held(plain=("reason", "by")),
    "case_reminder": Held(own=_CASE, fields={"about": EMPTY}, scrub=("about",), plain=("made_by",)),
    "telling": Held(own=_CASE, fields={"recipient": WORD, "body": WORD}, scrub=("recipient", "body"),
                    plain=("channel", "template", "language", "state", "by", "done_by")),
    "telling_template": Held(plain=("code", "language", "title", "body")),
    "work_order": Held(
        own=_CASE,
        fields={"wanted": WORD, "answer": f"CASE WHEN answer <> '' THEN {WORD} ELSE '' END", "request_remark": EMPTY,
                "answer_remark": EMPTY},
        scrub=("wanted", "answer", "request_remark", "answer_remark"),
        plain=("number", "department", "state"),
    ),
}  # fmt: skip

OUTSIDE: dict[str, Held] = {
    "announcement": Held(own="key = ANY(:keys)", scrub=("data",), plain=("kind", "key", "queues")),
    "webhook_delivery": Held(scrub=("last_fault",), plain=("key", "state")),
    "idempotency_key": Held(bytes_=("body",), scrub=("headers",), plain=("key", "request_hash")),
    "legal_hold": Held(
        own="released_at IS NOT NULL AND (customer_id = ANY(:customers) OR numbers && CAST(:spellings AS text[]))",
        remove=True, scrub=("reason",), plain=("numbers", "by", "released_by")),
}  # fmt: skip

_PLAIN: dict[str, tuple[str, ...]] = {
    "agent": ("login", "name", "password_hash", "role", "language"),
    "agent_queue": ("queue",),
    "agent_scope": ("queue",),
    "agent_skill": ("skill",),
    "api_token": ("name", "token_hash", "scopes", "queues", "created_by", "revoked_by"),
    "article": ("matter", "queue", "state", "terms", "titles"),
    "after_call_extension": ("node", "seat", "reason"),
    "article_version": ("title_en", "body_en", "title_zh", "body_zh", "by"),
    "article_use": ("what",),
    "audit_head": ("hash",),
    "blind_window": ("node", "why", "trouble"),
    "callback_halt": ("queue", "by", "reason"),
    "conversation_watch": (),
    "department": ("code", "name_en", "name_zh"),
    "desk_message_read": (),
    "directory_entry": ("name", "department", "position", "matters", "extension", "mobile", "email", "found_by"),
    "figure_target": ("figure", "changed_by"),
    "file_offset": ("node", "file"),
    "half_sign_in": ("token_hash",),
    "membership": ("node", "queue", "seat"),
    "menu_version": ("menu", "text", "sha256", "who", "note"),
    "node": ("name", "asterisk_version", "lease_holder"),
    "oidc_identity": ("issuer", "subject"),
    "oidc_trip": ("state_hash", "browser_hash", "nonce", "verifier"),
    "outcome": ("code", "title_en", "title_zh", "tone", "settles"),
    "outcome_demand": ("queue",),
    "posture": ("node", "seat", "word", "device_state", "pause_reason", "next_reason"),
    "posture_change": ("node", "seat", "word", "reason", "next_reason", "cause", "actor", "event"),
    "pause_reason": ("name", "title_en", "title_zh"),
    "queue": ("name", "title_en", "title_zh", "callback_dialling"),
    "queue_need": ("queue", "skill"),
    "queue_notice": ("queue", "kind", "prompt", "reason", "said_by", "ended_by"),
    "queue_outcome": ("queue", "code"),
    "recovery_code": ("code_hash",),
    "role_scope": ("role", "queue"),
    "seat_session": ("node", "seat", "ended_by", "ended_why"),
    "second_factor": ("secret",),
    "sign_in": ("token_hash", "csrf"),
    "special_day": ("queue", "spans", "reason", "added_by"),
    "webhook": ("name", "url", "secret", "kinds", "queues", "created_by"),
}
"""Tables that speak of staff, of settings and of machines, never of who calls."""

ELSEWHERE: dict[str, str] = {
    "journal": "opened block by block (crm/journal.py)",
    "audit": "words are taken out, the chain stays (crm/audit.py)",
    "audit_pending": "never holds a row outside a transaction",
    "erasure": "whom it is about is forgotten at its end (crm/erasures.py)",
}

HELD: dict[str, Held] = {
    **CALLS, **CUSTOMERS, **CASES, **OUTSIDE,
    "article_feedback": Held(scrub=("body", "answer"), plain=("answered_by",)),
    "desk_message": Held(scrub=("body",), plain=("by", "queue")),
    **{table: Held(plain=columns) for table, columns in _PLAIN.items()},
}  # fmt: skip
