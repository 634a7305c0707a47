"""The journal block of a batch, the fence that guards it, and rows set aside."""

from __future__ import annotations

FENCE = "SELECT 1 FROM node WHERE name = %s AND fence = %s FOR KEY SHARE"
"""First statement of every batch: no row means that another bridge took the node over, and nothing is written."""

BLOCK = (
    "INSERT INTO journal (node, fence, number, first_at, last_at, messages, unreadable, linkedids, block) "
    "VALUES (%s, %s, %s, to_timestamp(%s), to_timestamp(%s), %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)

SET_ASIDE = (
    "INSERT INTO set_aside (node, fence, number, ordinal, table_name, row, reason, at) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp()) ON CONFLICT DO NOTHING"
)

TAKE_LEASE = (
    "INSERT INTO node (name, fence, lease_holder, lease_until) "
    "VALUES (%(node)s, 1, %(holder)s, clock_timestamp() + make_interval(secs => %(lease_s)s)) "
    "ON CONFLICT (name) DO UPDATE SET fence = node.fence + 1, lease_holder = EXCLUDED.lease_holder, "
    "lease_until = EXCLUDED.lease_until "
    "WHERE node.lease_until IS NULL OR node.lease_until < clock_timestamp() "
    "OR node.lease_holder = EXCLUDED.lease_holder "
    "RETURNING fence"
)
"""One bridge a node: the lease is taken when free, run out, or our own; each taking raises the fence."""

KEEP_LEASE = (
    "UPDATE node SET lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s) "
    "WHERE name = %(node)s AND fence = %(fence)s RETURNING fence"
)

HINT = "SELECT pg_notify('kefu_live', %s)"
