"""The maker of the traces still makes them: some scenarios are played anew, and the ledger says what the script did,
also after the gaps that the recorded looks allow to heal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
sys.path.append(str(HERE / "pure"))

from ami_stream import played, recorded  # noqa: E402 - found by the path above
from attached_late import gaps  # noqa: E402
from floor_truths import SEAT_1, SEAT_2  # noqa: E402

from crm.ledger.conversations import Conversation, Offer, Segment  # noqa: E402

PLAYED = {
    "direct_answered": [(SEAT_1, 2)],
    "pickup_of_a_queue_call": [(SEAT_2, 1.5)],
    "transfer_phone_blind": [(SEAT_1, 2), (SEAT_2, 2)],
}


@pytest.mark.parametrize("version", ["22", pytest.param("16", marks=pytest.mark.proof)])
def test_scenarios_played_anew_give_the_ledger_of_their_script(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, HERE / "traces" / "record.py", "--version", version, "--into", tmp_path, *PLAYED]
    made = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.setattr("ami_stream.TRACES", tmp_path)
    for name, talks in PLAYED.items():
        stream = recorded(f"{name}.{version}.ami")
        room = played(stream)
        assert not [found for found in gaps(stream, room, 5) if found[1]], name
        assert room.one(Conversation).outcome == "answered", name
        assert {offer.seat for offer in room.of(Offer)} >= {seat for seat, _ in talks}
        told = [(row.seat, pytest.approx(row.ended_at - row.started_at, abs=1)) for row in room.of(Segment)]
        assert talks == told, name
        assert room.floor.empty
