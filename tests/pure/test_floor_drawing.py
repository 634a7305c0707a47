"""The page of the floor's rules says what the tables say."""

from __future__ import annotations

from pathlib import Path

from ami_bridge.floor import drawing, floor

PAGE = Path(__file__).parent.parent.parent / "docs" / "floor.md"


def test_the_committed_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == drawing.page(), "python -m ami_bridge.floor.drawing > docs/floor.md"


def test_the_page_names_every_event_and_every_posture() -> None:
    page = drawing.page()
    for event in floor.RULES:
        assert f'(["{event.__name__}"])' in page
    for word in ("unseen", "talking", "offline", "ringing", "wrapping_up", "paused", "ready"):
        assert word in page.partition("## Postures")[2]
