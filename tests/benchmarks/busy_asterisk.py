"""A private Asterisk with many queues, agents that need no phone, and callers that need no trunk. For benchmarks.

Queues are the ones of asterisk-conf but for how long a seat rings; a caller who dials 6NN from outside comes into the
queue qNN through the same steps as any other. Callers and agents are Local channels (asterisk-conf/sandbox).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from crm.pbx.ami_probe import AmiProbe
from crm.pbx.sandbox import Sandbox

_STEPS = (
    "Set(CHANNEL(hangup_handler_push)=caller-hung-up,s,1)",
    "Answer()",
    "Gosub(join-queue,s,1(q${EXTEN:1}))",
    "Queue(q${EXTEN:1},ct,,,3600)",
    "Gosub(leave-queue,s,1(q${EXTEN:1}))",
    "Hangup(16)",
)
_callers = itertools.count(1)


def make_queues(sandbox: Sandbox, count: int, *, ring_s: int = 15) -> list[str]:
    """The names of so many queues, each of which is dialled by its number."""
    names = [f"q{number:02}" for number in range(count)]
    file = sandbox.folder / "etc" / "queues.conf"
    file.chmod(0o644)
    with file.open("a", encoding="utf-8") as queues:
        queues.writelines(f"\n[{name}](waiting)\ntimeout = {ring_s}\nmaxlen = 0\n" for name in names)
    sandbox.cli("module reload app_queue.so")
    for priority, step in enumerate(_STEPS, 1):
        sandbox.cli(f'dialplan add extension "_6XX,{priority},{step}" into from-trunk replace')
    return names


def seat(number: int, *, quiet: bool = False) -> str:
    """A simulated agent's interface. A quiet one rings and never answers."""
    return f"Local/{'quiet-' if quiet else ''}{8000 + number}@sandbox-agents/n"


def take_seats(actor: AmiProbe, seats: Iterable[tuple[str, str, bool]]) -> None:
    """Queue, interface, paused: members from now on."""
    for queue, interface, paused in seats:
        said = {"Action": "QueueAdd", "Queue": queue, "Interface": interface, "Paused": str(paused).lower()}
        answer = actor.ask({**said, "Reason": "break"} if paused else said)
        if answer.get("Response") != "Success":
            raise SystemExit(f"Asterisk would not add {interface} to {queue}: {answer}")


def ring_in(actor: AmiProbe, queue: str, *, stay_s: float, ring_s: float, talk_s: float) -> None:
    """One more caller. Who answers him rings and talks so long, then hangs up."""
    number = next(_callers)
    behaves = {
        "SANDBOX_KEYS_AFTER_S": 0,
        "SANDBOX_STAY_S": stay_s,
        "__SANDBOX_RING_S": ring_s,
        "__SANDBOX_TALK_S": talk_s,
    }
    actor.ask(
        {
            "Action": "Originate",
            "Channel": f"Local/6{queue[1:]}@from-trunk/n",
            "Context": "sandbox-callers",
            "Exten": "caller",
            "Priority": "1",
            "CallerID": f'"Caller {number}" <139{number:08}>',
            "Variable": ",".join(f"{name}={value:g}" for name, value in behaves.items()),
            "Async": "true",
        }
    )


def processor_s(pid: int) -> float:
    """Seconds of processor time of a process and all below it, the ended ones included."""
    tick = os.sysconf("SC_CLK_TCK")
    spent = 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent = sum(map(int, fields[11:15])) / tick
        tasks = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return spent
    return spent + sum(processor_s(int(child)) for children in tasks for child in children)
