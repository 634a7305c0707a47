"""What manager.conf, queues.conf, cel.conf and modules.conf promise, checked: least rights, no trap we know of.

Called by lint.py. EVENTS is what the mirror follows; the reader's allow-list must let each of them through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from crm.pbx.conf_reading import Finding, Line

RIGHTS = {
    "kefu_reader": {"read": {"system", "call", "agent", "user"}, "write": {"reporting"}},
    "kefu_actor": {"read": set(), "write": {"agent", "call", "originate", "reporting"}},
}
EVENTS = (
    "Newchannel", "Hangup", "HangupRequest", "DialBegin", "DialEnd", "BridgeEnter", "BridgeLeave",
    "BridgeMerge", "QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon", "AgentCalled", "AgentConnect",
    "AgentComplete", "AgentRingNoAnswer", "AgentDump", "QueueMemberAdded", "QueueMemberRemoved",
    "QueueMemberStatus", "QueueMemberPause", "QueueMemberPenalty", "QueueMemberRinginuse", "DeviceStateChange",
    "BlindTransfer", "AttendedTransfer", "Hold", "Unhold", "LocalOptimizationBegin", "LocalOptimizationEnd",
    "OriginateResponse", "UserEvent", "FullyBooted", "Shutdown", "Reload", "ContactStatus", "Pickup",
    "ParkedCall", "UnParkedCall",
)  # fmt: skip
EMPTYING = {"paused", "strict", "yes"}
SHELLS = {
    "app_system",
    "func_shell",
    "func_curl",
    "app_externalivr",
    "pbx_spool",
    "res_ari",
    "func_env",
    "app_originate",
}
LEAST_WRAPUP_S = 3
PERSONAL = "personal"


def check_accounts(lines: Sequence[Line]) -> Iterator[Finding]:
    """manager.conf: no account may do more than its work needs, and the reader hears all the mirror follows."""
    for line in lines:
        if line.key in ("read", "write") and line.section != "general":
            given = {word.strip() for word in line.value.split(",") if word.strip()}
            excess = given - RIGHTS.get(line.section, {}).get(line.key, set())
            if excess:
                yield Finding(
                    line.file, line.number, "E_AMI_RIGHTS",
                    f"{line.section} may not have {line.key}={','.join(sorted(excess))}: no work of ours needs it",
                )  # fmt: skip
        if line.section == "general" and line.key == "webenabled" and line.value != "no":
            yield Finding(line.file, line.number, "E_AMI_WEB", "AMI over HTTP must stay off")
    filters = [line for line in lines if line.section == "kefu_reader" and line.key.startswith("eventfilter")]
    yield from _filters(filters)


def _filters(filters: Sequence[Line]) -> Iterator[Finding]:
    for line in filters:
        if line.key != "eventfilter":
            yield Finding(
                line.file,
                line.number,
                "E_AMI_FILTER_FORM",
                "Asterisk 16 ignores eventfilter(…): write a regular expression",
            )
    allowing = [line for line in filters if line.key == "eventfilter" and not line.value.startswith("!")]
    refusing = [line for line in filters if line.value.startswith("!")]
    for event in EVENTS:
        heard = f"Event: {event}\r\nPrivilege: call,all\r\n"
        if not any(_matches(line.value, heard) for line in allowing):
            place = (allowing or filters or [Line("manager.conf", 1, "", "", "")])[0]
            yield Finding(place.file, place.number, "E_AMI_DEAF", f"the reader's filter keeps {event} from the mirror")
        for line in refusing:
            if _matches(line.value[1:], heard):
                yield Finding(line.file, line.number, "E_AMI_DEAF", f"this filter keeps {event} from the mirror")


def _matches(expression: str, heard: str) -> bool:
    return re.search(expression.replace("[[:cntrl:]]", r"[\x00-\x1f]"), heard) is not None


def check_queues(lines: Sequence[Line]) -> Iterator[Finding]:
    """queues.conf: nobody is thrown out when all agents pause, nobody is rung again before the pause is there."""
    for line in lines:
        if line.section.startswith(PERSONAL):
            continue  # one seat's own queue: to be thrown out at once, into the real one, is its purpose
        if line.key in ("joinempty", "leavewhenempty") and (traps := EMPTYING & set(re.split(r"[,\s]+", line.value))):
            yield Finding(
                line.file, line.number, "E_QUEUE_EMPTIES",
                f"{line.key} may not have {','.join(sorted(traps))}: callers are thrown out when all agents pause",
            )  # fmt: skip
    wrapups = [line for line in lines if line.key == "wrapuptime"]
    for line in wrapups:
        if not line.value.isdigit() or int(line.value) < LEAST_WRAPUP_S:
            yield Finding(
                line.file,
                line.number,
                "E_QUEUE_GUARD",
                f"wrapuptime below {LEAST_WRAPUP_S} lets an agent be rung in after-call work",
            )
    shared = [line for line in lines if line.key == "shared_lastcall" and line.value == "yes"]
    if lines and (not shared or not wrapups):
        yield Finding(
            lines[0].file,
            1,
            "E_QUEUE_GUARD",
            "wrapuptime and shared_lastcall=yes must both stand here: one alone guards nothing",
        )


def check_logging(lines: Sequence[Line]) -> Iterator[Finding]:
    """cel.conf: keys pressed are card numbers, and are written nowhere."""
    for line in lines:
        if line.key == "events" and {"ALL", "DTMF"} & {word.strip().upper() for word in line.value.split(",")}:
            yield Finding(
                line.file, line.number, "E_CEL_DTMF", "name the events one by one: ALL writes down the keys pressed"
            )


def check_modules(lines: Sequence[Line]) -> Iterator[Finding]:
    """modules.conf: nothing that makes a shell of a stolen password."""
    for line in lines:
        if line.key == "autoload" and line.value != "no":
            yield Finding(line.file, line.number, "E_MODULE_ALL", "autoload must be no: each module is named here")
        if line.key in ("load", "preload", "require") and line.value.removesuffix(".so") in SHELLS:
            yield Finding(
                line.file, line.number, "E_MODULE_SHELL", f"{line.value} reaches beyond Asterisk: leave it out"
            )
