"""One private Asterisk for the whole session; tests of one thing each, on queues that they leave as they found them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm.pbx.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A real Asterisk 22, started once. Nothing listens on its `agi_port` unless a test starts something there."""
    with Sandbox(tmp_path_factory.mktemp("pbx"), version="22", say=print) as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_left_on_the_line(request: pytest.FixtureRequest) -> Iterator[None]:
    """Calls that a test left open would wait in the next test's queues; one that failed also leaves its seats there."""
    failed_before = request.session.testsfailed
    yield
    if "sandbox" in request.fixturenames:
        running = request.getfixturevalue("sandbox")
        if request.session.testsfailed > failed_before:
            _empty_queues(running)
        running.cli("channel request hangup all")
        running.cli("dialplan set global AGI_RESTS_UNTIL 0")  # a server that froze in that test is none of the next


def _empty_queues(running: Sandbox) -> None:
    with running.ami(running.actor) as actor, running.ami() as probe:
        for row in probe.ask_list({"Action": "QueueStatus"}):
            if row["Event"] == "QueueMember" and row["Membership"] == "dynamic":
                actor.ask({"Action": "QueueRemove", "Queue": row["Queue"], "Interface": row["Location"]})
