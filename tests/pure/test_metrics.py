"""Every metric that the code can show is explained to the operator, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from crm.metrics import BRIDGE_FACTS, BridgeMetrics, IvrMetrics, WebMetrics, WorkerMetrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_document_names_exactly_what_is_counted() -> None:
    registry = CollectorRegistry()
    IvrMetrics(registry)
    WebMetrics(registry)
    WorkerMetrics(registry)
    BridgeMetrics(registry).facts = lambda: dict.fromkeys(BRIDGE_FACTS, 1)
    counted = {metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()} | {
        "kefu_build_info"
    }
    explained = set(re.findall(r"^\| `(kefu_\w+)[`{]", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == counted


def test_what_the_bridge_does_not_know_yet_is_not_claimed() -> None:
    registry = CollectorRegistry()
    BridgeMetrics(registry).facts = lambda: {"in_sight": False, "heard_s_ago": None, "messages": 7}
    assert registry.get_sample_value("kefu_bridge_sight") == 0
    assert registry.get_sample_value("kefu_bridge_messages_total") == 7
    assert registry.get_sample_value("kefu_bridge_heard_seconds_ago") is None
