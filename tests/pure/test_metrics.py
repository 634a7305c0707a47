"""Every metric that the code can show is explained to the operator, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from crm.metrics import BridgeMetrics, IvrMetrics, WebMetrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_document_names_exactly_what_is_counted() -> None:
    registry = CollectorRegistry()
    for made in (BridgeMetrics, IvrMetrics, WebMetrics):
        made(registry)
    counted = {metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()} | {
        "kefu_build_info"
    }
    explained = set(re.findall(r"^\| `(kefu_\w+)[`{]", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == counted
