"""The internal directory, searched as one types: by name, pinyin, initials, department, matter. Supervisors edit it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, directory
from crm.database import Database
from crm.refusals import CrmUnavailable, Refusal
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/directory")

Reader = Annotated[Me, allowed("directory.read")]
Keeper = Annotated[Me, allowed("directory.edit")]
Line = Annotated[str, Form(max_length=2 * directory.CHARACTERS)]
SHOWN = 100


@router.get("")
async def page(
    request: Request,
    me: Reader,
    session: Reading,
    q: Annotated[str, Query(max_length=120)] = "",
    department: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """The page; for the script of the page, only who is found."""
    template = "directory/found.html" if "hx-request" in request.headers else "directory.html"
    return await _show(request, session, me, q, department, template)


@router.post("")
async def put(
    request: Request,
    me: Keeper,
    name: Line = "",
    department: Line = "",
    position: Line = "",
    matters: Line = "",
    extension: Line = "",
    mobile: Line = "",
    email: Line = "",
    login: Line = "",
) -> Response:
    """Add somebody, or change what is said of them."""
    database: Database = request.app.state.database
    said = {"name": name, "department": department, "position": position, "matters": matters}
    said |= {"extension": extension, "mobile": mobile, "email": email}
    try:
        async with database.transaction() as session:
            agent = await agents.find(session, login) if login.strip() else None
            if login.strip() and agent is None:
                raise Refusal(f"there is no agent {login[:40]!r}")
            await directory.put(session, said, agent_id=agent.id if agent else None)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with database.reading() as session:
            typed = {**said, "login": login}
            return await _show(request, session, me, "", "", "directory.html", typed=typed, notice=str(refused))
    return RedirectResponse(f"/directory?department={department}", status_code=303)


@router.post("/{entry_id}/out")
async def out(request: Request, entry_id: UUID, me: Keeper) -> Response:
    """No longer to be reached."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        await directory.take_out(session, entry_id)
    return RedirectResponse("/directory", status_code=303)


async def _show(
    request: Request,
    session: AsyncSession,
    me: Me,
    q: str,
    department: str,
    template: str,
    *,
    typed: dict[str, str] | None = None,
    notice: str | None = None,
) -> Response:
    found = await directory.search(session, q, department=department.replace("\x00", "") or None, limit=SHOWN)
    context: dict[str, Any] = {
        "found": found,
        "more": len(found) == SHOWN,
        "q": q,
        "department": department,
        "departments": await directory.departments(session),
        "typed": typed or dict.fromkeys((*directory.FIELDS, "login"), ""),
        "notice": notice,
    }
    return show(request, template, me, **context)
