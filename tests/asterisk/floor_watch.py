"""What a test sees of one caller: the events of a reader session, and members put into queues for its duration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crm.pbx.ami_probe import AmiProbe, Message
from crm.pbx.sandbox import Sandbox


class Watch:
    """A reader session that follows one caller by the number he rings from."""

    def __init__(self, sandbox: Sandbox, number: str) -> None:
        self.number = number
        self.probe: AmiProbe = sandbox.ami()
        self.seen: list[Message] = []

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *what: object) -> None:
        self.probe.close()

    def until(self, event: str, *, timeout_s: float = 15.0, **fields: str) -> Message:
        """The next event of this caller with these fields; says what came instead when it does not come."""
        try:
            for message in self.probe.messages(timeout_s):
                if message.get("CallerIDNum") != self.number:
                    continue
                self.seen.append(message)
                name = message.get("UserEvent") if message.get("Event") == "UserEvent" else message.get("Event")
                if name == event and all(message.get(key) == value for key, value in fields.items()):
                    return message
        except TimeoutError:
            pass
        came = "\n".join(_line(message) for message in self.seen)
        raise AssertionError(f"no {event} {fields} for {self.number} within {timeout_s} s. Came:\n{came}")


def _line(message: Message) -> str:
    kept = ("UserEvent", "Channel", "Context", "Queue", "Status", "Abandoned", "NextStep", "AgiStatus", "Interface")
    return f"  {message.get('Event')} " + " ".join(f"{key}={message[key]}" for key in kept if key in message)


@contextmanager
def member(sandbox: Sandbox, queue: str, interface: str, **more: str) -> Iterator[None]:
    """A queue member for the length of the block."""
    with sandbox.ami(sandbox.actor) as actor:
        added = actor.ask({"Action": "QueueAdd", "Queue": queue, "Interface": interface, **more})
        assert added["Response"] == "Success", added
        try:
            yield
        finally:
            actor.ask({"Action": "QueueRemove", "Queue": queue, "Interface": interface})
