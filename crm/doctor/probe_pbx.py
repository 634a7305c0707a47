"""Looks at Asterisk through AMI, with the two accounts of the settings and nothing more.

Blocking (crm.pbx.ami_probe), so each look runs in a thread. What is seen goes to judging.py.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crm.pbx.ami_probe import AmiProbe, AmiRefused, Message
from crm.pbx.render import source_folder
from crm.rules.personal_queues import is_personal
from crm.settings import Settings

from . import CONTEXT, PROBE_ID, judging
from .findings import Verdict, broken, fine, warned
from .rounds import Round

LINE_TIME_LIMIT_S = 2.0
EAR_TEST_S = 1.0
_SECTION = re.compile(r"^\[([^\]]+)\](\([^)]*\))?", re.MULTILINE)


async def asterisk(round_: Round) -> Verdict:
    """Is it Asterisk that answers at ami_host and ami_port?"""
    settings, seen = round_.known_settings, round_.asterisk
    where = f"{settings.ami_host}:{settings.ami_port}"
    try:
        seen.here = await asyncio.to_thread(_is_here, settings.ami_host)
        seen.banner = await asyncio.to_thread(_banner, settings)
    except TimeoutError:
        seen.banner = None
    except (OSError, ConnectionError) as away:
        return broken("ami-away", f"nothing answers at {where} ({getattr(away, 'strerror', None) or away})")
    return judging.judge_banner(seen.banner, where, round_.settings_file)


async def reader(round_: Round) -> Verdict:
    """The account that listens: does it get in, and what is it told of Asterisk?"""
    settings = round_.known_settings
    if settings.ami_secret is None:
        return broken("reader-no-secret", "ami_secret is not set")
    try:
        return await asyncio.to_thread(_meet_reader, round_)
    except AmiRefused as refused:
        return broken("reader-refused", str(refused))


async def version(round_: Round) -> Verdict:
    return judging.judge_version(round_.asterisk.version)


async def actor(round_: Round) -> Verdict:
    """The account that acts: does it get in?"""
    settings, seen = round_.known_settings, round_.asterisk
    if settings.ami_actor_username is None:
        return warned("actor-none", f"{settings.ami_username} listens and acts")
    try:
        seen.actor_actions = await asyncio.to_thread(_actions_of_actor, settings)
    except AmiRefused as refused:
        return broken("actor-refused", str(refused))
    return fine(f"{settings.ami_actor_username} is let in")


async def modules(round_: Round) -> Verdict:
    loaded = await asyncio.to_thread(_loaded_modules, round_.known_settings)
    return judging.judge_modules(loaded, round_.asterisk.reader_actions)


async def reader_rights(round_: Round) -> Verdict:
    settings, seen = round_.known_settings, round_.asterisk
    if settings.ami_actor_username is None:
        return fine(f"{settings.ami_username} also acts: judged as the actor")
    return judging.judge_reader(seen.reader_actions, settings.ami_username, seen.etc_folder)


async def actor_rights(round_: Round) -> Verdict:
    settings, seen = round_.known_settings, round_.asterisk
    account = settings.ami_actor_username or settings.ami_username
    return judging.judge_actor(seen.actor_actions or seen.reader_actions, account, seen.etc_folder)


async def dialplan(round_: Round) -> Verdict:
    expected = sections(source_folder() / "dialplan")
    missing, agi_url = await asyncio.to_thread(_dialplan, round_.known_settings, expected)
    settings = round_.known_settings
    return judging.judge_dialplan(
        missing, len(expected), agi_url, settings.fastagi_port, round_.asterisk.etc_folder, round_.settings_file
    )


async def queues(round_: Round) -> Verdict:
    seen = round_.asterisk
    seen.queues, seen.seats = await asyncio.to_thread(_queues, round_.known_settings)
    expected = [name for name in sections(source_folder(), "queues.conf") if name != "general"]
    return judging.judge_queues(seen.queues, expected, seen.etc_folder)


async def events(round_: Round) -> Verdict:
    """Places one call that reaches nobody, and counts what the listening account hears of it."""
    return await asyncio.to_thread(_ear_test, round_)


async def clock(round_: Round) -> Verdict:
    ahead_s = await asyncio.to_thread(_asterisk_skew_s, round_.known_settings)
    return judging.judge_clock("Asterisk", ahead_s)


# ---- the looks themselves, in threads


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except OSError:
        return False


def _banner(settings: Settings) -> str:
    with _line(settings) as probe:
        return probe.banner


@contextmanager
def _line(settings: Settings, time_limit_s: float = LINE_TIME_LIMIT_S) -> Iterator[AmiProbe]:
    with AmiProbe(settings.ami_port, host=settings.ami_host, timeout_s=time_limit_s, tls=settings.ami_tls) as probe:
        yield probe


@contextmanager
def as_reader(settings: Settings) -> Iterator[AmiProbe]:
    """A session of the account that listens."""
    with _line(settings) as probe:
        probe.login(settings.ami_username, settings.ami_secret.get_secret_value() if settings.ami_secret else "")
        yield probe


@contextmanager
def as_actor(settings: Settings) -> Iterator[AmiProbe]:
    """A session of the account that acts; the listening one where there is only that."""
    if settings.ami_actor_username is None:
        with as_reader(settings) as probe:
            yield probe
        return
    secret = settings.ami_actor_secret or settings.ami_secret
    with _line(settings) as probe:
        probe.login(settings.ami_actor_username, secret.get_secret_value() if secret else "")
        yield probe


def _actions(probe: AmiProbe) -> frozenset[str]:
    """The actions that this account may take: Asterisk lists no others."""
    answer = probe.ask({"Action": "ListCommands"})
    return frozenset(name for name, said in answer.items() if "(Priv:" in said)


def _actions_of_actor(settings: Settings) -> frozenset[str]:
    with as_actor(settings) as probe:
        return _actions(probe)


def _variable(probe: AmiProbe, name: str) -> str:
    return probe.ask({"Action": "Getvar", "Variable": name}).get("Value", "")


def _meet_reader(round_: Round) -> Verdict:
    settings, seen = round_.known_settings, round_.asterisk
    with as_reader(settings) as probe:
        seen.reader_actions = _actions(probe)
        seen.version = probe.ask({"Action": "CoreSettings"}).get("AsteriskVersion", "")
        seen.etc_folder = _variable(probe, "ASTETCDIR") or seen.etc_folder
        seen.log_folder = Path(_variable(probe, "ASTLOGDIR") or seen.log_folder)
        seen.data_folder = Path(_variable(probe, "ASTDATADIR") or seen.data_folder)
    return fine(f"{settings.ami_username} is let in")


def _loaded_modules(settings: Settings) -> dict[str, bool] | None:
    """None: func_module, which could tell, is not loaded itself."""
    with as_reader(settings) as probe:
        if _variable(probe, "IFMODULE(func_module.so)") != "1":
            return None
        return {name: _variable(probe, f"IFMODULE({name}.so)") == "1" for name in judging.MODULES}


def _dialplan(settings: Settings, expected: list[str]) -> tuple[list[str], str]:
    missing = []
    with as_reader(settings) as probe:
        for context in expected:
            try:
                probe.ask_list({"Action": "ShowDialPlan", "Context": context})
            except AmiRefused:
                missing.append(context)
        return missing, _variable(probe, "KEFU_AGI")


def _queues(settings: Settings) -> tuple[list[str], list[tuple[str, str, str]]]:
    with as_reader(settings) as probe:
        rows = probe.ask_list({"Action": "QueueStatus"})
    names = [row["Queue"] for row in rows if row.get("Event") == "QueueParams" and not is_personal(row["Queue"])]
    seats = [(row["Queue"], row["Location"], row["Penalty"]) for row in rows if row.get("Event") == "QueueMember"]
    return names, seats


def _asterisk_skew_s(settings: Settings) -> float:
    """Seconds by which Asterisk's clock is ahead of ours, as good as half the time that the question took."""
    with as_reader(settings) as probe:
        before = time.time()
        said = probe.ask({"Action": "Ping"})["Timestamp"]
        return float(said) - (before + time.time()) / 2


def _ear_test(round_: Round) -> Verdict:
    settings, seen = round_.known_settings, round_.asterisk
    seen.ear_test_id = PROBE_ID + secrets.token_hex(6)
    with as_reader(settings) as ear, as_actor(settings) as hand:
        booted = _hears(ear, lambda message: message.get("Event") == "FullyBooted")
        agent_heard = _agent_class(ear, hand, seen.seats)
        placed = hand.ask(
            {
                "Action": "Originate",
                "Channel": f"Local/listen@{CONTEXT}/n",
                "Context": CONTEXT,
                "Exten": "listen",
                "Priority": "1",
                "ChannelId": seen.ear_test_id,
                "OtherChannelId": f"{seen.ear_test_id}-2",
                "Async": "true",
                "Timeout": "1000",
            }
        )
        if placed.get("Response") != "Success":
            return broken("ear-test-refused", f"Asterisk refused the probe call: {placed.get('Message')}")
        heard = list(_about(ear, seen.ear_test_id))
    return judging.judge_events(
        [message["Event"] for message in heard],
        booted=booted,
        agent_heard=agent_heard,
        stamped=all("Timestamp" in message for message in heard),
        account=settings.ami_username,
        etc=seen.etc_folder,
        atxfer=next((message["Atxfer"] for message in heard if "Atxfer" in message), None),
    )


def _about(ear: AmiProbe, linkedid: str) -> Iterator[Message]:
    """Events of this call, until both its halves hung up or nothing came for a while."""
    hung_up = 0
    try:
        for message in ear.messages(EAR_TEST_S):
            if linkedid not in (message.get("Linkedid"), message.get("DestLinkedid"), message.get("LocalOneLinkedid")):
                continue
            yield message
            hung_up += message.get("Event") == "Hangup"
            if hung_up == 2:
                return
    except TimeoutError:
        return


def _agent_class(ear: AmiProbe, hand: AmiProbe, seats: list[tuple[str, str, str]]) -> bool | None:
    """Set one seat's penalty to what it is: Asterisk tells it as an event of class agent, and nothing changes."""
    for queue, interface, penalty in seats:
        answer = hand.ask({"Action": "QueuePenalty", "Queue": queue, "Interface": interface, "Penalty": penalty})
        if answer.get("Response") == "Success":
            return _hears(ear, lambda message: message.get("Event") == "QueueMemberPenalty")
    return None


def _hears(ear: AmiProbe, wanted: object) -> bool:
    try:
        ear.read_until(wanted, timeout_s=EAR_TEST_S)
    except TimeoutError:
        return False
    return True


def sections(folder: Path, pattern: str = "*.conf") -> list[str]:
    """Names of the sections in our configuration files, templates left out."""
    names: list[str] = []
    for path in sorted(folder.glob(pattern)):
        for name, kind in _SECTION.findall(path.read_text(encoding="utf-8")):
            if "!" not in kind and "+" not in kind and name not in names:
                names.append(name)
    return names
