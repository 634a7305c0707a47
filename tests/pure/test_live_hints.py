"""Which hints make the pages read anew what stands beside the floor: not those that every ring sends."""

from __future__ import annotations

import pytest

from crm.database import Database
from crm.web.live import Live


@pytest.mark.parametrize(
    ("hint", "beside"),
    [
        ('{"node": "asterisk1", "seats": ["PJSIP/1001"], "queues": ["support"]}', 0),
        ('{"node": "asterisk1", "queues": ["support"]}', 1),
        ('{"node": ""}', 1),
        ('{"node": "asterisk1", "all": true}', 1),
        ("no hint at all", 1),
        (None, 1),
    ],
)
def test_what_is_beside_the_floor_is_read_anew_when_a_hint_may_be_of_it(hint: str | None, beside: int) -> None:
    told: list[str] = []
    live = Live(
        Database("postgresql:///never"),
        heartbeat_s=1,
        changed=lambda: told.append("floor"),
        changed_beside=lambda: told.append("beside"),
    )
    live.pass_on(hint)
    assert told.count("beside") == beside
    assert "floor" in told
