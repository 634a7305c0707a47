"""A caller is served whatever falls: each service killed and frozen, all of Kefu, Postgres, Asterisk itself.

Real `kefu up`, real Asterisk, SIP callers at every stage of a call. `make prove` repeats it many times over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from center import spoken_prompts
from four_callers import QUICK, SLOW, Pace
from kept_center import KeptCenter, open_folder
from trials import Trial, asterisk_falls, everything_falls, postgres_falls, service_falls

BACK_WITHIN_S = 30.0
"""Two seconds of silence and a start of Python; generous, for a machine that is busy with other tests."""


@pytest.fixture(scope="module")
async def center() -> AsyncIterator[KeptCenter]:
    with open_folder() as folder:
        async with KeptCenter(folder, await spoken_prompts()) as running:
            yield running


# While the bridge is away for a moment everything moves; while it is frozen everything stays as it was.
@pytest.mark.parametrize(("fault", "pace"), [("killed", QUICK), ("frozen", SLOW)], ids=["killed", "frozen"])
@pytest.mark.parametrize("name", ["bridge", "ivr", "web"])
async def test_a_service_falls_and_no_caller_notices(center: KeptCenter, name: str, fault: str, pace: Pace) -> None:
    _told(center, await service_falls(center, pace, name=name, fault=fault))


async def test_all_of_kefu_is_dead_and_every_caller_is_answered(center: KeptCenter) -> None:
    _told(center, await everything_falls(center, QUICK))


async def test_postgres_is_away_in_the_middle_of_calls_and_no_row_is_lost(center: KeptCenter) -> None:
    _told(center, await postgres_falls(center, QUICK))


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "restarted"])
async def test_asterisk_falls_and_nothing_is_left_open(center: KeptCenter, kill: bool) -> None:
    _told(center, await asterisk_falls(center, SLOW, kill=kill))


def _told(center: KeptCenter, trial: Trial) -> None:
    print(trial)
    assert trial.back_s < BACK_WITHIN_S, center.services["up"].said()
