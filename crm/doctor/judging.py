"""What was seen at Asterisk → a verdict. Pure: every judgement can be tested by a table."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from .findings import Verdict, broken, fine, unknown, warned

OLDEST, NEWEST = 16, 23
FASTAGI_PORT = 4573
SKEW_WARNING_S, SKEW_BROKEN_S = 0.5, 2.0

READER_NEEDS = ("CoreShowChannels", "DeviceStateList", "Getvar", "CoreSettings")
ACTOR_NEEDS: dict[str, str] = {
    "QueuePause": "pausing, and after-call work",
    "QueueAdd": "sitting down at a seat",
    "QueueRemove": "getting up",
    "QueuePenalty": "changing who is asked first",
    "Hangup": "ending a call",
    "Redirect": "moving a caller",
    "Originate": "click-to-dial and callbacks",
    "BlindTransfer": "handing over, and parking",
    "Atxfer": "asking a colleague first",
    "PlayDTMF": "sending keys",
}
# Each has an effect on calls, seats, files or the machine.
_ON_CALLS = """
    Originate Redirect Hangup Setvar QueueAdd QueueRemove QueuePause QueuePenalty QueueLog QueueMemberRingInUse Atxfer
    BlindTransfer Bridge Park PlayDTMF SendText UserEvent MixMonitor MuteAudio AGI
"""
_ON_THE_MACHINE = "Command GetConfig UpdateConfig CreateConfig ModuleLoad Reload DBPut DBDel DBDelTree Filter"
EFFECTS = frozenset(_ON_CALLS.split())
MACHINE = frozenset(_ON_THE_MACHINE.split())

# Module → what goes wrong without it.
MODULES: dict[str, str] = {
    "pbx_config": "there is no dialplan: every call is refused",
    "app_queue": "nobody can wait for an agent: callers are cut off at the queue",
    "res_agi": "callers hear no menu: each goes straight to reception",
    "app_dial": "no seat can be rung",
    "app_playback": "prompts outside the menus are silent",
    "app_record": "callers cannot leave a message",
    "app_stack": "joining a queue fails: callers are cut off there",
    "app_exec": "joining a queue fails: callers are cut off there",
    "app_userevent": "the bridge cannot tell a timeout from a hang-up",
    "func_callerid": "the caller's number is not cleaned: hostile names get through",
    "func_channel": "the bridge does not learn that a caller hung up",
    "func_strings": "the caller's number is not cleaned: hostile names get through",
    "func_logic": "branches of the dialplan fail",
    "func_timeout": "a frozen menu keeps its callers for ever",
    "func_dialplan": "callers sent to an unknown queue are cut off",
    "res_musiconhold": "callers wait in silence, and hang up",
    "chan_pjsip": "no phone and no trunk can connect",
    "res_manager_devicestate": "the bridge cannot take stock of the seats",
    "cel_custom": "what happens while the bridge is away cannot be filled in afterwards",
}
# Seen by an action that the module brings, where func_module is not loaded.
BROUGHT_BY = {"QueueStatus": "app_queue", "DeviceStateList": "res_manager_devicestate", "PJSIPQualify": "chan_pjsip"}

# What the dialplan lets through of a queue's name (to-queue).
_REACHED = re.compile(r"[0-9a-z_]{2,}")

# One call with no answer in a context of its own: what the reader must hear of it.
MUST_HEAR = {"Newchannel": "call", "Hangup": "call", "UserEvent": "user"}
MAY_HEAR = frozenset({"DialBegin", "DialEnd", "HangupRequest", "OriginateResponse"})


def judge_banner(banner: str | None, where: str, file: str) -> Verdict:
    """`banner`: the first line a peer said; None: it took the connection and said nothing."""
    if banner is None:
        return broken("ami-frozen", f"{where} takes connections and says nothing")
    if not banner.startswith("Asterisk Call Manager/"):
        return broken("ami-stranger", f"{where} answers {banner[:40]!r}: that is not Asterisk", file=file)
    return fine(f"{where} answers: {banner}")


def judge_version(version: str) -> Verdict:
    """`version` as CoreSettings says it: 22.10.1, 16.28.0~dfsg-0+deb11u4, GIT-master-…"""
    found = re.search(r"(?:certified[/-])?(\d+)\.", version)
    if found is None:
        return warned("asterisk-version", f"Asterisk calls itself {version[:40]!r}: its version is not known")
    if not OLDEST <= int(found[1]) <= NEWEST:
        return broken("asterisk-version", f"Asterisk {version} is outside {OLDEST} to {NEWEST}")
    return fine(f"Asterisk {version}")


def judge_modules(loaded: Mapping[str, bool] | None, actions: Collection[str]) -> Verdict:
    """`loaded`: what func_module says of each of MODULES, None where it is not there; `actions`: of ListCommands."""
    if loaded is None:
        lost = [module for action, module in BROUGHT_BY.items() if action not in actions]
        if not lost:
            return warned("modules-unseen", "func_module is not loaded, so only part of the modules can be seen")
    else:
        lost = [module for module in MODULES if not loaded.get(module)]
    if not lost:
        return fine(f"all {len(MODULES)} modules that the dialplan needs are loaded")
    return broken(
        "module-missing",
        f"not loaded: {_some([f'{each}.so' for each in lost])}",
        module=lost[0],
        purpose=MODULES[lost[0]],
    )


def judge_reader(actions: Collection[str], account: str, etc: str) -> Verdict:
    """`actions`: what ListCommands shows to the account that listens."""
    words = {"account": account, "etc": etc}
    if mighty := sorted((EFFECTS | MACHINE) & set(actions)):
        return broken("reader-too-mighty", f"{account} may do more than listen: {_some(mighty)}", **words)
    if lacking := _lacking(READER_NEEDS, actions):
        return broken("reader-lacks", f"{account} may not ask {_some(lacking)}", **words)
    return fine(f"{account} may listen and ask, and do nothing")


def judge_actor(actions: Collection[str], account: str, etc: str) -> Verdict:
    """`actions`: what ListCommands shows to the account that acts. Actions of a module that is not loaded are shown to
    nobody: that is the module's fault, not the account's."""
    words = {"account": account, "etc": etc}
    needed = [name for name in ACTOR_NEEDS if not name.startswith("Queue") or "QueueStatus" in actions]
    if lacking := _lacking(needed, actions):
        lost = ", ".join(ACTOR_NEEDS[name] for name in lacking)
        return broken("actor-lacks", f"{account} may not {_some(lacking)}", lost=lost, **words)
    if mighty := sorted(MACHINE & set(actions)):
        return broken("actor-too-mighty", f"{account} may change the machine: {_some(mighty)}", **words)
    return fine(f"{account} may pause, move and place calls, and not touch the machine")


def judge_dialplan(
    missing: Sequence[str], expected: int, agi_url: str, fastagi_port: int, etc: str, file: str
) -> Verdict:
    """`missing`: contexts of ours that Asterisk does not have; `agi_url`: its KEFU_AGI."""
    if missing:
        return broken("context-missing", f"the dialplan has no context {_some(missing)}", etc=etc)
    try:
        asked = urlsplit(agi_url)
        port = (asked.port or FASTAGI_PORT) if asked.scheme == "agi" and asked.hostname else None
    except ValueError:
        port = None
    if port != fastagi_port:
        return broken(
            "agi-elsewhere",
            f"the dialplan asks {agi_url or 'nobody'}, the voice menus listen on port {fastagi_port}",
            etc=etc,
            file=file,
        )
    return fine(f"all {expected} contexts are loaded, menus are asked at {agi_url}")


def judge_queues(there: Collection[str], expected: Collection[str], etc: str) -> Verdict:
    """Names of queues."""
    if missing := sorted(set(expected) - set(there)):
        return broken("queue-missing", f"Asterisk has no queue {_some(missing)}", etc=etc)
    return fine(f"queues: {_some(sorted(there), 6)}")


def judge_named_queues(named: Collection[str], there: Collection[str], etc: str) -> Verdict:
    """`named`: what `kefu queue name` was told; `there`: what Asterisk has. A second Asterisk may have its own."""
    if unfit := sorted(name for name in named if not _REACHED.fullmatch(name)):
        return warned("queue-unreached", f"no menu and no transfer leads to the queue {_some(unfit)}")
    if missing := sorted(set(named) - set(there)):
        return warned("queue-nowhere", f"Asterisk has no queue {_some(missing)}, and a menu may name it", etc=etc)
    return fine(f"{len(named)} named queues are all in Asterisk")


def judge_events(
    heard: Sequence[str],
    *,
    booted: bool,
    agent_heard: bool | None,
    stamped: bool,
    account: str,
    etc: str,
    atxfer: str | None = None,
) -> Verdict:
    """`heard`: names of the events of one probe call; `booted`: FullyBooted came after the login (class system);
    `agent_heard` None: no seat stands in a queue, so no queue event could be made. `atxfer`: Asterisk's keys for asking
    first, as the call said them; None: it did not."""
    words = {"account": account, "etc": etc}
    lost = sorted({kind for name, kind in MUST_HEAR.items() if name not in heard})
    if not booted:
        lost.append("system")
    if agent_heard is False:
        lost.append("agent")
    if lost:
        return broken(
            "events-unheard",
            f"{account} does not hear events of class {', '.join(lost)}",
            missed=", ".join(lost),
            **words,
        )
    if surplus := sorted(set(heard) - MUST_HEAR.keys() - MAY_HEAR):
        said = f"{account} hears {len(heard)} events of an empty call, among them {_some(surplus)}"
        return broken("filter-missing", said, **words)
    if not stamped:
        return broken("timestamps-missing", "events carry no Timestamp", **words)
    if atxfer == "":
        return warned("consult-keys-missing", "Asterisk has no keys for an attended transfer", etc=etc)
    silent = " (class agent untried: no seat stands in a queue)" if agent_heard is None else ""
    return fine(f"{len(heard)} events of an empty call arrive, none in vain{silent}")


def judge_clock(whose: str, ahead_s: float) -> Verdict:
    """`ahead_s`: seconds by which that clock is ahead of ours."""
    by_s = abs(ahead_s)
    said = f"the clock of {whose} is {by_s:.1f} s {'ahead of' if ahead_s > 0 else 'behind'} ours"
    if by_s >= SKEW_BROKEN_S:
        return broken("clock-skew", said)
    if by_s >= SKEW_WARNING_S:
        return warned("clock-skew", said)
    return fine(f"the clock of {whose} agrees with ours to {max(by_s, 0.001) * 1000:.0f} ms")


def judge_prompts(missing: Mapping[str, Sequence[str]], keys: int, folder: str, build_to: str) -> Verdict:
    """`missing`: language → keys without a sound file under `folder`."""
    lost = {language: names for language, names in missing.items() if names}
    if not lost:
        return fine(f"all {keys} prompts are there in {' and '.join(missing)}")
    said = "; ".join(f"{language} lacks {_some(names)}" for language, names in lost.items())
    return broken("prompt-missing", f"{said} (under {folder})", folder=build_to)


def judge_written(what: str, fault: str, *, there: bool, grew: bool, path: str, etc: str) -> Verdict:
    """A file that Asterisk should write: is it there, and did our own line arrive in it?"""
    if not there:
        return broken(fault, f"there is no {what} at {path}", etc=etc)
    if not grew:
        return broken(fault, f"{path} is not written: our own line did not arrive", etc=etc)
    return fine(f"{path} is written and can be read")


def judge_not_here(what: str, where: str) -> Verdict:
    """The file lies on Asterisk's machine, and that is not this one."""
    return unknown(f"{what} lies on {where}: run kefu doctor there")


def _lacking(needed: Collection[str], actions: Collection[str]) -> list[str]:
    return [name for name in needed if name not in actions]


def _some(names: Sequence[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
