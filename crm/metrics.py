"""What each service counts, under the names that docs/metrics.md explains.

A service asks once for its own set (`web()`, `worker()` …): only then do its names appear on its /metrics, so a web
server never claims to be a bridge that hears nothing. Labels hold words of ours, never a caller, a number or an id of a
call. prometheus-client is known here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import version

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = [
    "CONTENT_TYPE",
    "BridgeMetrics",
    "Counter",
    "IvrMetrics",
    "WebMetrics",
    "WorkerMetrics",
    "bridge",
    "exposition",
    "ivr",
    "web",
    "worker",
]

# Seconds. The promises are 5, 10, 50 and 100 ms: each is a boundary, so that "how many kept it" is exact.
QUICK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class BridgeMetrics:
    """What one bridge writes; what it sees is asked of it at each scrape, so that the hot path counts nothing twice."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.batch_messages = Histogram(
            "kefu_bridge_batch_messages", "Messages in one transaction", buckets=ROWS, registry=registry
        )
        self.commit_s = Histogram(
            "kefu_bridge_commit_seconds", "One transaction, begun to committed", buckets=QUICK_S, registry=registry
        )
        self.facts: Callable[[], Mapping[str, object]] = dict
        registry.register(_Told(self))


# Fact of Bridge.facts → name, kind, help.
BRIDGE_FACTS: dict[str, tuple[str, type[GaugeMetricFamily | CounterMetricFamily], str]] = {
    "in_sight": ("kefu_bridge_sight", GaugeMetricFamily, "1 while Asterisk is heard, 0 while blind"),
    "lease": ("kefu_bridge_lease", GaugeMetricFamily, "1 while this bridge may write for its node"),
    "heard_s_ago": ("kefu_bridge_heard_seconds_ago", GaugeMetricFamily, "Seconds since Asterisk was heard"),
    "backlog_bytes": ("kefu_bridge_backlog_bytes", GaugeMetricFamily, "Read and not yet written"),
    "messages": ("kefu_bridge_messages", CounterMetricFamily, "Messages followed"),
    "unreadable": ("kefu_bridge_unreadable", CounterMetricFamily, "Messages that made no sense"),
    "unknown_events": (
        "kefu_bridge_unknown_events",
        CounterMetricFamily,
        "Events of a name that no known Asterisk sends",
    ),
    "drift": ("kefu_bridge_corrections", CounterMetricFamily, "Facts that a snapshot had to correct"),
    "rows_reconstructed": (
        "kefu_bridge_rows_reconstructed",
        CounterMetricFamily,
        "Rows that Asterisk's own files gave for blind windows",
    ),
    "faults": ("kefu_bridge_faults", CounterMetricFamily, "Faults of our own in the floor or the listener"),
    "batches": ("kefu_bridge_batches", CounterMetricFamily, "Transactions committed"),
    "set_aside": ("kefu_bridge_rows_set_aside", CounterMetricFamily, "Rows that Postgres refused"),
    "wishes_settled": ("kefu_bridge_wishes_settled", CounterMetricFamily, "Wishes confirmed, refused or expired"),
}


class _Told(Collector):
    """The bridge's facts at the moment of a scrape."""

    def __init__(self, metrics: BridgeMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        facts = self._metrics.facts()
        for fact, (name, family, told) in BRIDGE_FACTS.items():
            value = facts.get(fact)
            if isinstance(value, int | float):
                yield family(name, told, value=float(value))

    def describe(self) -> Iterator[Metric]:
        for name, family, told in BRIDGE_FACTS.values():
            yield family(name, told)


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
        self.prompts_missing = Counter(
            "kefu_ivr_prompts_missing",
            "Prompts that Asterisk did not have when a caller was to hear them",
            registry=registry,
        )
        self.desk_spared = Counter(
            "kefu_ivr_desk_spared",
            "Questions not asked because the last ones had no answer in time",
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


class WorkerMetrics:
    """What the worker has done."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.jobs = Counter("kefu_worker_jobs", "Jobs run, by name and ending", ["job", "ending"], registry=registry)
        self.deliveries = Counter(
            "kefu_worker_webhook_deliveries", "Webhook attempts, by ending", ["ending"], registry=registry
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


@cache
def worker() -> WorkerMetrics:
    """The worker's own set."""
    return WorkerMetrics()


def exposition() -> bytes:
    """All that this process counted, in Prometheus' text, with the process' own memory and processor time."""
    _named()
    return generate_latest(REGISTRY)
