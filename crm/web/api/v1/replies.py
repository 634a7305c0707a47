"""How work is answered: with an ETag, once under an Idempotency-Key, and only if the asker saw the newest version.

Work and kept answer are one transaction: an answer that was lost on its way is given again, word for word, and nothing
is done twice, whenever either side was killed. Used by the routes of this room.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import Header, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from crm import api_tokens

from .asking import Asking
from .problems import Refused

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Any name of this request: sent again with it, the first answer is given and nothing done twice.",
    ),
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=200, description="The ETag of the version that you saw.")
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", max_length=1000, description="ETags that you hold: 304 when one fits.")
]
ETAG_HEADER = {"ETag": {"description": "The version of what was answered", "schema": {"type": "string"}}}
_TAG = re.compile(r'(?:W/)?"[^"]*"')


class Reply(msgspec.Struct, frozen=True):
    """What work came to."""

    body: BaseModel | None
    status: int = 200
    headers: dict[str, str] = {}


Work = Callable[[AsyncSession], Awaitable[Reply]]


async def once(request: Request, asking: Asking, key: str | None, work: Work) -> Response:
    """Do the work in a transaction, or give the answer that was given under this key before."""
    if key is None:
        async with asking.database.transaction() as session:
            return _response(await work(session))
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    request_hash = hashlib.sha256(said).digest()
    async with asking.database.transaction() as session:
        kept = await api_tokens.kept_answer(session, asking.program.token_id, key)
        if kept is not None:
            if kept.request_hash != request_hash:
                raise Refused(409, "this Idempotency-Key was used for another request: choose a new one")
            replayed = {**kept.headers, "Idempotency-Replayed": "true"}
            return Response(kept.body, kept.status, replayed, media_type="application/json")
        answer = _response(await work(session))
        await api_tokens.keep_answer(
            session,
            asking.program.token_id,
            key,
            request_hash=request_hash,
            status=answer.status_code,
            headers={name: value for name, value in answer.headers.items() if name in ("etag", "location")},
            body=bytes(answer.body),
        )
        return answer


def etag(version: int) -> str:
    """A version as an ETag."""
    return f'"{version}"'


def must_match(if_match: str | None, version: int, changed_by: str) -> None:
    """Refused unless the asker saw this version. `changed_by`: a sentence for one who did not."""
    if if_match is None:
        raise Refused(428, "say by If-Match which version you saw: the ETag of your last GET")
    if if_match.strip() != "*" and etag(version) not in _tags(if_match):
        raise Refused(412, changed_by, {"ETag": etag(version)})


def unchanged(if_none_match: str | None, tag: str) -> Response | None:
    """304 when the asker holds this version."""
    if if_none_match is None:
        return None
    held = {each.removeprefix("W/") for each in _TAG.findall(if_none_match)}
    if if_none_match.strip() == "*" or tag in held:
        return Response(status_code=304, headers={"ETag": tag})
    return None


def respond(body: BaseModel, *, tag: str | None = None) -> Response:
    """A body with its ETag."""
    return _response(Reply(body, headers={"ETag": tag} if tag else {}))


def _tags(header: str) -> list[str]:
    return [each for each in _TAG.findall(header) if not each.startswith("W/")]


def _response(reply: Reply) -> Response:
    content = b"" if reply.body is None else reply.body.model_dump_json().encode()
    return Response(content, reply.status, dict(reply.headers), media_type="application/json")
