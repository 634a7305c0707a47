"""Whom cases are given to in the browser's tests."""

from __future__ import annotations

from desk_in_chromium import PASSWORD, Web

from crm import agents, directory
from crm.cases import categories


async def furnish(web: Web, *, marco: bool = True) -> None:
    """marco (hired here unless told) is of the second line, otto answers for the warehouse, somebody can be found."""
    async with web.database.transaction() as session:
        if marco:
            await agents.create(session, login="marco", name="Marco Rossi", password=PASSWORD)
        second = await agents.find(session, "marco")
        assert second
        await categories.join_team(session, "second_line", second.id)
        otto = await agents.create(session, login="otto", name="Otto Lind", password=PASSWORD, role="department")
        await directory.define_department(session, "warehouse", name_en="Warehouse", name_zh="仓库")
        entry = {"name": "Otto Lind", "department": "warehouse", "extension": "8012", "matters": "deliveries"}
        await directory.put(session, entry, agent_id=otto.id)
        await directory.put(session, {"name": "王小明", "department": "warehouse", "position": "库管"})
