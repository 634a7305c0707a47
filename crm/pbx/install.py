"""asterisk-conf laid into an Asterisk that has a configuration of its own, and taken out again.

Our files go into a folder of their own (`/etc/asterisk/kefu`); each file of the site gets one marked block that takes
ours in. Nothing of the site's is changed or removed. First everything is planned and compared, then shown by whoever
calls, then written: our own folder first, the includes last, each file in one move, so that a killed run leaves
nothing that Asterisk would trip over, and the next run finishes it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from crm.pbx import site_conf
from crm.pbx.render import SiteValues, render
from crm.refusals import Refusal

FOLDER = "kefu"
SITE = "site"  # below our folder, and the site's: never written, never taken away
RULES_OF_NEEDS = "queuerules_needs.conf"
PARTS = (
    "extensions", "queues", "queuerules", "manager", "pjsip", "features", "res_parking", "cel", "cel_custom",
)  # fmt: skip
LANGUAGES = ("en", "zh")
BEGIN, END = "; ---- Kefu, written by `kefu init`, taken out by `kefu init --undo`", "; ---- end of Kefu"

# Of our general sections an existing site gets only what we cannot do without: the rest is its own affair.
KEPT_LINES: dict[str, frozenset[str]] = {
    "manager": frozenset({"enabled", "timestampevents"}),
    "queues": frozenset({"persistentmembers", "autofill", "shared_lastcall", "log_membername_as_agent"}),
    "features": frozenset({"atxferabort", "atxfercomplete", "atxferthreeway", "atxferswap"}),
    "cel": frozenset({"enable", "apps", "events"}),
}
# Of these the site's own line stays and ours is left out: which keys its phones press is its affair.
_THEIRS_FIRST = frozenset({"features", "res_parking"})
_LEFT_OUT = {"extensions": frozenset({"general"}), "pjsip": frozenset({"global", "system", "udp", "trunk"})}
_SHARED = {"general", "globals", "mappings", "featuremap", "default"}
_HEADING = re.compile(r"\s*\[([^\]]+)\](\([^)]*\))?")


class CannotInstall(Refusal):
    """The site's own configuration stands in the way; the message names the line and what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file, or link, before and after. `after` None: removed. `link` set: a symbolic link to it.

    `folder` set: an empty folder, made where it is missing, and left by the undoing for what was logged there.
    """

    path: Path
    before: str | None
    after: str | None
    link: bool = False
    folder: bool = False

    @property
    def what(self) -> str:
        if self.after is None:
            return "removed"
        return "new" if self.before is None else "changed"


def plan(
    etc: Path,
    values: SiteValues,
    *,
    parts: Sequence[str] = PARTS,
    sounds: Path | None = None,
    prompts: Path | None = None,
    logs: Path | None = None,
) -> list[Change]:
    """What has to be written so that this Asterisk carries `parts` of ours; empty when all is there already.

    With `sounds` and `prompts`, each language's prompts are linked to where Asterisk looks for `kefu/…`. With `logs`,
    the folder for call events is made there: cel_custom makes none, and then only complains.
    """
    if not (etc / "asterisk.conf").is_file():
        raise CannotInstall(f"{etc} is no configuration of an Asterisk (no asterisk.conf): name its folder by --etc")
    own = etc / FOLDER
    with tempfile.TemporaryDirectory(prefix="kefu-init-") as folder:
        rendered = Path(folder)
        (rendered / "moh").mkdir()
        (rendered / "moh" / "kefu.wav").touch()  # a site has music of its own: none need be composed
        render(rendered, values)
        wanted = dict(_our_files(etc, rendered, parts))
    wanted |= {etc / f"{part}.conf": _with_include(etc, part) for part in parts}
    changes = [Change(path, _text(path), text) for path, text in wanted.items()]
    # A part that was installed once and is not wanted now goes again.
    changes += [
        change for change in plan_removal(etc) if change.path not in wanted and change.path.parent != own.parent
    ]
    changes += [_without_include(etc / f"{part}.conf") for part in PARTS if part not in parts]
    changes += _links(sounds, prompts)
    if logs is not None and "cel_custom" in parts:
        events = logs / "cel-custom"
        changes.append(Change(events, "" if events.exists() else None, "", folder=True))
    return [change for change in changes if change.before != change.after]


def plan_removal(etc: Path, sounds: Path | None = None) -> list[Change]:
    """What has to be removed so that nothing of ours is left."""
    changes = [_without_include(etc / f"{part}.conf") for part in PARTS]
    own = etc / FOLDER
    ours = (path for path in sorted(own.rglob("*")) if path.is_file() and own / SITE not in path.parents)
    changes += [Change(path, _text(path), None) for path in ours]
    for language in LANGUAGES if sounds else ():
        link = sounds / language / FOLDER  # type: ignore[operator]
        if link.is_symlink():
            changes.append(Change(link, str(link.readlink()), None, link=True))
    return [change for change in changes if change.before != change.after]


def difference(changes: Sequence[Change], hidden: Sequence[str]) -> str:
    """A unified difference for a person; each of `hidden` (secrets) is shown as dots."""
    lines: list[str] = []
    for change in changes:
        if change.link:
            lines.append(f"{change.what} link {change.path} -> {change.after or change.before}")
            continue
        if change.folder:
            lines.append(f"{change.what} folder {change.path}")
            continue
        before, after = (text.splitlines() if text is not None else [] for text in (change.before, change.after))
        old = str(change.path) if change.before is not None else "/dev/null"
        new = str(change.path) if change.after is not None else "/dev/null"
        lines += unified_diff(before, after, old, new, lineterm="")
    shown = "\n".join(lines)
    for secret in hidden:
        shown = shown.replace(secret, "•••")
    return shown


def carry_out(changes: Sequence[Change], owner_like: Path) -> None:
    """Write all of it. New files belong to whom `owner_like` belongs to, and others may not read them."""
    like = owner_like.stat()
    # First what nobody reads yet, then what makes Asterisk read it, last what nobody reads any more.
    for change in sorted(changes, key=lambda one: (one.after is None, one.path.parent == owner_like.parent)):
        try:
            _write(change, like)
        except OSError as refused:
            raise CannotInstall(f"{change.path} cannot be written ({refused.strerror}): run this as root") from None
    own = owner_like.parent / FOLDER
    if own.is_dir() and not any(path.is_file() for path in own.rglob("*")):
        for folder in sorted((path for path in own.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        own.rmdir()


def _write(change: Change, like: os.stat_result) -> None:
    path = change.path
    if change.after is None:
        path.unlink(missing_ok=True)
        return
    _make_folders(path if change.folder else path.parent, like)
    if change.folder:
        return
    unfinished = path.with_name(f".{path.name}.kefu-init")
    unfinished.unlink(missing_ok=True)
    if change.link:
        unfinished.symlink_to(change.after)
    else:
        there = path.stat() if path.exists() else None
        unfinished.touch(mode=0o600)
        unfinished.write_text(change.after, encoding="utf-8", errors="surrogateescape")
        _hand_over(unfinished, there or like)
        unfinished.chmod(there.st_mode & 0o7777 if there else 0o640)
    unfinished.replace(path)


def _make_folders(folder: Path, like: os.stat_result) -> None:
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o755)
        _hand_over(missing, like)


def _hand_over(path: Path, like: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)


# ---- what our files look like inside a site


def _our_files(etc: Path, rendered: Path, parts: Sequence[str]) -> Iterator[tuple[Path, str]]:
    own = etc / FOLDER
    for part in parts:
        text = (rendered / f"{part}.conf").read_text(encoding="utf-8")
        yield own / f"{part}.conf", _fitted(etc, part, text)
        for more in {
            "extensions": sorted(rendered.glob("dialplan/*.conf")),
            "pjsip": [rendered / "pjsip_seats.conf"],
            "queues": [rendered / "queues_seats.conf"],
        }.get(part, []):
            text = more.read_text(encoding="utf-8")
            _check_names(etc, part, text)
            yield own / more.relative_to(rendered), text
    needs = own / RULES_OF_NEEDS
    if "queuerules" in parts and needs.is_file():  # written by `kefu queue rules`, and not ours to take away
        yield needs, needs.read_text(encoding="utf-8")
    values = next(rendered.glob("*.json"))
    yield own / values.name, values.read_text(encoding="utf-8")


def _fitted(etc: Path, part: str, text: str) -> str:
    """Our file as an include of the site's: its includes found, shared sections added to, the rest left out."""
    site_has = {each.name for each in site_conf.sections(etc, etc / f"{part}.conf", leave_out=etc / FOLDER)}
    left_out = _LEFT_OUT.get(part, frozenset())
    if part == "pjsip" and not site_conf.values(etc, etc / "pjsip.conf", "type", leave_out=etc / FOLDER) & {
        "transport"
    }:
        left_out -= {"udp"}  # a site without any transport: phones could not reach it
    kept: list[str] = []
    section = ""
    for line in text.splitlines():
        if found := _HEADING.match(line):
            section = found[1]
            if section in _SHARED and section in site_has:
                line = f"[{section}](+)"
        if section in left_out or "sandbox/" in line:
            continue
        if (pair := re.match(r"\s*(\w+)\s*=", line)) and (
            (section == "general" and pair[1] not in KEPT_LINES.get(part, ()))
            or (part in _THEIRS_FIRST and _says(etc, part, section, pair[1]))
        ):
            continue
        kept.append(re.sub(r'^(#(?:try)?include ")', rf"\1{FOLDER}/", line))
    fitted = "\n".join(kept) + "\n"
    _check_names(etc, part, fitted)
    return fitted


def _says(etc: Path, part: str, section: str, name: str) -> bool:
    return site_conf.value(etc, etc / f"{part}.conf", section, name, leave_out=etc / FOLDER) is not None


def _check_names(etc: Path, part: str, text: str) -> None:
    ours = {found[1] for line in text.splitlines() if (found := _HEADING.match(line))} - _SHARED
    for theirs in site_conf.sections(etc, etc / f"{part}.conf", leave_out=etc / FOLDER):
        if theirs.name in ours:
            raise CannotInstall(
                f"{theirs.file}:{theirs.line} has a section [{theirs.name}] already, and ours would be mixed into it: "
                f"rename that one, or leave this part out by --without {part}"
            )


def _with_include(etc: Path, part: str) -> str:
    theirs = _without_block(_text(etc / f"{part}.conf") or "")
    gap = "" if not theirs or theirs.endswith("\n") else "\n"
    return f'{theirs}{gap}{BEGIN}\n#tryinclude "{FOLDER}/{part}.conf"\n{END}\n'


def _without_include(path: Path) -> Change:
    before = _text(path)
    after = _without_block(before) if before is not None else None
    return Change(path, before, after or None if before and BEGIN in before else after)


def _without_block(text: str) -> str:
    return re.sub(rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", "", text, flags=re.MULTILINE | re.DOTALL)


def _links(sounds: Path | None, prompts: Path | None) -> list[Change]:
    if sounds is None or prompts is None:
        return []
    changes = []
    for language in LANGUAGES:
        link = sounds / language / FOLDER
        if link.exists() and not link.is_symlink():
            continue  # recordings of the site's own: theirs to keep
        before = str(link.readlink()) if link.is_symlink() else None
        changes.append(Change(link, before, str(prompts / language), link=True))
    return changes


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else None
    except PermissionError:
        raise site_conf.SiteUnreadable(f"{path} cannot be read: run this as root, or as Asterisk's own user") from None
