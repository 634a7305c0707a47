"""The journal block of a batch, the lease and the fence that guard it, and rows set aside."""

from __future__ import annotations

FENCE = "SELECT 1 FROM node WHERE name = %s AND fence = %s FOR SHARE"
"""First statement of every batch: no row means that another bridge took the node over, and nothing is written.

Its lock makes a bridge that takes the lease wait for a batch in flight, so that two never write at once.
"""

KEEP_LEASE = (
    "UPDATE node SET lease_until = clock_timestamp() + make_interval(secs => %s) "
    "WHERE name = %s AND fence = %s RETURNING fence"
)
"""Stands in the place of FENCE when the lease is due to be made longer: seconds, node, fence."""

READ_LEASE = "SELECT lease_holder, lease_until > clock_timestamp() FROM node WHERE name = %s"

TAKE_LEASE = (
    "INSERT INTO node (name, fence, lease_holder, lease_until) "
    "VALUES (%(node)s, 1, %(holder)s, clock_timestamp() + make_interval(secs => %(lease_s)s)) "
    "ON CONFLICT (name) DO UPDATE SET fence = node.fence + 1, lease_holder = EXCLUDED.lease_holder, "
    "lease_until = EXCLUDED.lease_until "
    "WHERE node.lease_until IS NULL OR node.lease_until < clock_timestamp() "
    "OR node.lease_holder = EXCLUDED.lease_holder OR node.lease_holder = %(gone)s "
    "RETURNING fence, extract(epoch FROM heard_at)::double precision"
)
"""One bridge a node: the lease is taken when free, run out, our own, or of a holder known to be gone (`gone`, else '').
Each taking raises the fence. Yields the fence, and when Asterisk was last heard by whoever held it before."""

LET_GO = "UPDATE node SET lease_until = clock_timestamp() WHERE name = %s AND fence = %s RETURNING fence"
"""In the place of FENCE in the last batch of a clean stop: the next bridge need not wait."""

BLOCK = (
    "INSERT INTO journal (node, fence, number, first_at, last_at, messages, unreadable, linkedids, block) "
    "VALUES (%s, %s, %s, to_timestamp(%s), to_timestamp(%s), %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)

SET_ASIDE = (
    "INSERT INTO set_aside (node, fence, number, ordinal, table_name, row, reason, at) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp()) ON CONFLICT DO NOTHING"
)

HINT = "SELECT pg_notify('kefu_live', %s)"
