"""A caller is served whatever falls: a service killed or frozen, all of Kefu, Postgres, Asterisk itself.

Real `kefu up`, real Asterisk, SIP callers at every stage of a call. Each service falls once here, in one way;
`make prove` kills and freezes all of them, at any moment, again and again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from center import spoken_prompts
from four_callers import QUICK, SLOW, Pace
from kept_center import KeptCenter, open_folder
from trials import asterisk_falls, everything_falls, postgres_falls, service_falls


@pytest.fixture(scope="module")
async def center() -> AsyncIterator[KeptCenter]:
    with open_folder() as folder:
        async with KeptCenter(folder, await spoken_prompts()) as running:
            yield running


@pytest.fixture(autouse=True)
def _told(center: KeptCenter) -> Iterator[None]:
    """What `kefu up` said belongs to a failure; pytest shows it only then."""
    yield
    print(center.services["up"].said())


# While the bridge is away for a moment everything moves; while it is frozen everything stays as it was.
@pytest.mark.parametrize(
    ("name", "fault", "pace"),
    [
        pytest.param("bridge", "frozen", SLOW, id="bridge-frozen"),
        pytest.param("ivr", "frozen", QUICK, id="ivr-frozen"),
        pytest.param("web", "killed", QUICK, id="web-killed", marks=pytest.mark.proof),
    ],
)
async def test_a_service_falls_and_no_caller_notices(center: KeptCenter, name: str, fault: str, pace: Pace) -> None:
    print(await service_falls(center, pace, name=name, fault=fault))


async def test_all_of_kefu_is_dead_and_every_caller_is_answered(center: KeptCenter) -> None:
    print(await everything_falls(center, QUICK))


async def test_postgres_is_away_in_the_middle_of_calls_and_no_row_is_lost(center: KeptCenter) -> None:
    print(await postgres_falls(center, QUICK))


async def test_asterisk_falls_and_nothing_is_left_open(center: KeptCenter) -> None:
    print(await asterisk_falls(center, SLOW, kill=True))
