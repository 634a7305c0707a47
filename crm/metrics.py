"""What each service counts, under the names that docs/metrics.md explains.

A service asks once for its own set (`bridge()`, `ivr()`, `web()`): only then do its names appear on its /metrics, so a
web server never claims to be a bridge that hears nothing. Labels hold words of ours, never a caller, a number or an id
of a call. prometheus-client is known here alone.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

__all__ = ["CONTENT_TYPE", "BridgeMetrics", "IvrMetrics", "WebMetrics", "bridge", "exposition", "ivr", "web"]

# Seconds. The promises are 5, 10, 50 and 100 ms: each is a boundary, so that "how many kept it" is exact.
QUICK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class BridgeMetrics:
    """What one bridge sees, writes and asks."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.sight = Gauge("kefu_bridge_sight", "1 while Asterisk is heard, 0 while blind", registry=registry)
        self.lease = Gauge("kefu_bridge_lease", "1 while this bridge may write for its node", registry=registry)
        self.connects = Counter("kefu_bridge_connects", "AMI sessions begun", registry=registry)
        self.sight_lost = Counter("kefu_bridge_sight_lost", "Times that sight was lost", registry=registry)
        self.messages = Counter(
            "kefu_bridge_messages", "AMI messages by what became of them", ["fate"], registry=registry
        )
        self.backlog = Gauge("kefu_bridge_backlog", "Messages read and not yet written", registry=registry)
        self.batches = Counter("kefu_bridge_batches", "Transactions by how they ended", ["end"], registry=registry)
        self.batch_messages = Histogram(
            "kefu_bridge_batch_messages", "Messages in one transaction", buckets=ROWS, registry=registry
        )
        self.commit_s = Histogram(
            "kefu_bridge_commit_seconds", "One transaction, begun to committed", buckets=QUICK_S, registry=registry
        )
        self.wishes = Counter(
            "kefu_bridge_wishes", "Wishes settled, by kind and end", ["kind", "end"], registry=registry
        )
        self.pops = Counter("kefu_bridge_pops", "Cards put on a screen", registry=registry)
        self.corrections = Counter(
            "kefu_bridge_corrections", "Facts that a snapshot had to correct, by kind", ["kind"], registry=registry
        )


class IvrMetrics:
    """What callers meet in the voice menus."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.calls = Counter("kefu_ivr_calls", "Calls told, by flow and ending", ["flow", "ending"], registry=registry)
        self.calls_now = Gauge("kefu_ivr_calls_now", "Calls in a flow now", registry=registry)
        self.visits_unwritten = Gauge(
            "kefu_ivr_visits_unwritten", "Visits that wait for the database", registry=registry
        )
        self.visits_lost = Gauge("kefu_ivr_visits_lost", "Visits given up since the start", registry=registry)
        self.refused = Counter("kefu_ivr_refused", "Connections that were no calls of ours", registry=registry)
        self.desk_s = Histogram(
            "kefu_ivr_desk_seconds", "A question to the CRM", ["question"], buckets=QUICK_S, registry=registry
        )
        self.desk_late = Counter(
            "kefu_ivr_desk_late",
            "Questions without an answer in time: the safe one was given",
            ["question"],
            registry=registry,
        )


class WebMetrics:
    """What agents' browsers ask and are shown."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.requests = Counter(
            "kefu_web_requests", "Answers by route and status", ["method", "route", "status"], registry=registry
        )
        self.answer_s = Histogram(
            "kefu_web_answer_seconds", "A request, asked to answered", ["route"], buckets=QUICK_S, registry=registry
        )
        self.streams = Gauge("kefu_web_streams", "Open event streams (browsers that watch)", registry=registry)
        self.pop_painted_s = Histogram(
            "kefu_web_pop_painted_seconds",
            "From AgentCalled on Asterisk's clock to the card painted and acknowledged",
            buckets=QUICK_S,
            registry=registry,
        )


@cache
def _named() -> Info:
    info = Info("kefu_build", "Which Kefu this is")
    info.info({"version": version("kefu")})
    return info


@cache
def bridge() -> BridgeMetrics:
    """The bridge's own set."""
    return BridgeMetrics()


@cache
def ivr() -> IvrMetrics:
    """The ivr's own set."""
    return IvrMetrics()


@cache
def web() -> WebMetrics:
    """The web's own set."""
    return WebMetrics()


def exposition() -> bytes:
    """All that this process counted, in Prometheus' text, with the process' own memory and processor time."""
    _named()
    return generate_latest(REGISTRY)
