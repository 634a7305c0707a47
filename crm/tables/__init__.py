"""All tables, one module a subject, no behaviour. Importing this package completes the metadata for migrations."""

from . import (
    agents,
    conversations,
    customers,
    hours,
    journal,
    menus,
    nodes,
    orders,
    pops,
    postures,
    queues,
    requests,
    routing,
    sight,
    visits,
    voicemails,
    wrap_ups,
)
from .declaration import Table

__all__ = [
    "Table",
    "agents",
    "conversations",
    "customers",
    "hours",
    "journal",
    "menus",
    "nodes",
    "orders",
    "pops",
    "postures",
    "queues",
    "requests",
    "routing",
    "sight",
    "visits",
    "voicemails",
    "wrap_ups",
]
