"""Looks at what lies on Asterisk's machine: prompts, queue_log, CEL. Only from that machine itself."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from crm.pbx.render import source_folder

from . import CONTEXT, PROBE_ID, judging
from .findings import Verdict, broken, warned
from .probe_pbx import as_actor
from .rounds import Round

LANGUAGES = ("en", "zh")
SOUND_KINDS = frozenset({".wav", ".wav16", ".WAV", ".gsm", ".alaw", ".ulaw", ".g722", ".sln", ".sln16", ".sln48"})
TAIL_BYTES = 65_536
ARRIVES_WITHIN_S = 2.0


async def prompts(round_: Round) -> Verdict:
    """Each prompt in each language, where Asterisk looks for it."""
    seen = round_.asterisk
    if not _on_this_machine(round_, seen.data_folder):
        return judging.judge_not_here("the sounds folder", round_.known_settings.ami_host)
    return await asyncio.to_thread(_prompts, seen.data_folder / "sounds", seen.etc_folder)


def _prompts(sounds: Path, etc: str) -> Verdict:
    folders = {language: sounds / language / "kefu" for language in LANGUAGES}
    unlinked = [language for language, folder in folders.items() if not (folder.is_symlink() or folder.is_dir())]
    if unlinked:
        return broken("prompts-unlinked", f"there is no {folders[unlinked[0]]}", etc=etc)
    keys = list(yaml.safe_load((source_folder() / "prompts" / "prompts.yaml").read_text(encoding="utf-8")))
    missing = {}
    for language, folder in folders.items():
        there = {path.stem for path in folder.glob("*") if path.suffix in SOUND_KINDS and path.stat().st_size > 0}
        missing[language] = [key for key in keys if key not in there]
    return judging.judge_prompts(missing, len(keys), f"{sounds}/<language>/kefu", _built_in(folders["en"]))


def _built_in(folder: Path) -> str:
    """The folder to build into: the one that both languages' links lead to."""
    return str(folder.readlink().parent) if folder.is_symlink() else "a folder, and copy its files"


async def queue_log(round_: Round) -> Verdict:
    """Writes one line through the actor, and looks for it in the file."""
    settings, seen = round_.known_settings, round_.asterisk
    path = settings.queue_log_file or seen.log_folder / "queue_log"
    if not _on_this_machine(round_, path.parent):
        return judging.judge_not_here("queue_log", settings.ami_host)
    if (closed := _closed(path)) is not None:
        return closed
    mark = PROBE_ID + secrets.token_hex(6)

    def write_and_look() -> bool:
        with as_actor(settings) as hand:
            hand.ask({"Action": "QueueLog", "Queue": CONTEXT, "Event": "DOCTOR", "Uniqueid": mark, "Message": "probe"})
        return _arrives(path, mark)

    grew = await asyncio.to_thread(write_and_look)
    return judging.judge_written(
        "queue_log", "queue-log-silent", there=path.exists(), grew=grew, path=str(path), etc=seen.etc_folder
    )


async def cel(round_: Round) -> Verdict:
    """Looks for the ear test's call in the file of call events."""
    settings, seen = round_.known_settings, round_.asterisk
    path = settings.cel_file or seen.log_folder / "cel-custom" / "kefu.csv"
    if not _on_this_machine(round_, seen.log_folder):
        return judging.judge_not_here("the file of call events", settings.ami_host)
    if (closed := _closed(path)) is not None:
        return closed
    grew = await asyncio.to_thread(_arrives, path, seen.ear_test_id)
    return judging.judge_written(
        "file of call events", "cel-silent", there=path.exists(), grew=grew, path=str(path), etc=seen.etc_folder
    )


def _on_this_machine(round_: Round, folder: Path) -> bool:
    return round_.asterisk.here and _quietly(folder.is_dir)


def _quietly(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except PermissionError:
        return True  # it is there, and closed to us


def _closed(path: Path) -> Verdict | None:
    """A warning when this user may not read the file: the bridge, run as the same user, could not either."""
    try:
        if not path.exists() or os.access(path, os.R_OK):
            return None
        group = grp.getgrgid(path.stat().st_gid).gr_name
    except (PermissionError, KeyError):
        group = "asterisk"
    user = pwd.getpwuid(os.geteuid()).pw_name
    return warned("file-closed", f"{path} cannot be read by {user}", group=group, user=user, path=str(path))


def _arrives(path: Path, mark: str) -> bool:
    """Whether `mark` comes to stand near the end of the file in time; Asterisk's logger writes behind."""
    until = time.monotonic() + ARRIVES_WITHIN_S
    while True:
        if path.exists() and mark.encode() in _tail(path):
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return file.read()
