"""A call's own thread of control: a greenlet, so that pyst2's blocking commands hold up nobody.

The server starts one a call, from the bytes that complete its environment, and each later line goes straight on with
it: no task, no future and no portal between Asterisk's reply and the flow's next step. A question to the CRM is a task
of its own, which goes on with the call when it is done. The only importer of greenlet; knows no AGI and no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

_Answer = TypeVar("_Answer")


class CallThread(greenlet):  # type: ignore[misc]  # greenlet has no types
    """One call. Whoever starts or goes on with it runs on when the call waits or is over."""

    def __init__(self, work: Callable[[], None]) -> None:
        """`work` may raise nothing: whoever happens to go on with the call would be hit by it."""
        super().__init__(work)
        self._asks: asyncio.Task[Any] | None = None

    def give_up(self) -> None:
        """Cancel the question it waits for, if it does."""
        if self._asks is not None:
            self._asks.cancel()

    def ask(self, question: Coroutine[Any, Any, _Answer]) -> _Answer:
        """Wait, inside the call, for what the loop finds out."""
        task = asyncio.get_running_loop().create_task(question)
        self._asks = task
        task.add_done_callback(self._answered)
        try:
            # A hasty peer's lines wait in its socket meanwhile; should anything else wake us, we wait on.
            while not task.done():
                wait()
        finally:
            self._asks = None
        return task.result()

    def _answered(self, _task: asyncio.Task[Any]) -> None:
        self.switch()


def this_call() -> CallThread:
    """The call that is running; only to be asked inside one."""
    return cast(CallThread, getcurrent())


def wait() -> None:
    """Let everybody else go on until somebody switches back to this call."""
    loop = getcurrent().parent
    assert loop is not None
    loop.switch()


def await_(question: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Wait for a question, inside a call."""
    return this_call().ask(question)


async def in_thread_of_its_own(work: Callable[..., None], *arguments: object) -> None:
    """Run one piece of work as a call runs, and wait for its end; what it raises is raised here."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def whole() -> None:
        try:
            work(*arguments)
        except BaseException as fault:  # noqa: BLE001 - handed on to whoever waits
            over.set_exception(fault)
        else:
            over.set_result(None)

    CallThread(whole).switch()
    await over
