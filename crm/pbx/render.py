"""asterisk-conf with a site's own values filled in: what `kefu pbx render` and the sandbox write.

A placeholder is `@{name}`: Asterisk itself uses `${…}`, and no file of ours needs the other. The seat.template of pjsip
and of queues is written once for each seat. Files that hold secrets are readable by their owner alone. Pure but for the
files it writes.
"""

from __future__ import annotations

import importlib.resources
import json
import re
import secrets
import string
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from crm.pbx import melody
from crm.refusals import Refusal

VALUES_FILE = "kefu-values.json"
FIRST_SEAT, LAST_SEAT = 1001, 1008
_PARTS = (".", "dialplan", "sandbox")


class CannotRender(Refusal):
    """A value or a file does not fit; the message names both."""


def new_secret() -> str:
    return secrets.token_urlsafe(18)


def _new_seats() -> dict[str, str]:
    return {str(number): new_secret() for number in range(FIRST_SEAT, LAST_SEAT + 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteValues:
    """What a site changes. `seats` is number → secret; folders are as Asterisk sees them."""

    reader_secret: str = field(default_factory=new_secret)
    actor_secret: str = field(default_factory=new_secret)
    seats: dict[str, str] = field(default_factory=_new_seats)
    ami_address: str = "127.0.0.1"
    ami_port: int = 5038
    http_port: int = 8088
    agi_url: str = "agi://127.0.0.1:4573"
    agi_other_url: str = "none"
    sip_address: str = "0.0.0.0"  # noqa: S104 - phones and the trunk come from outside; narrowed by a site
    sip_port: int = 5060
    media_address: str = "; media_address: Asterisk finds its own address"
    bind_media: str = "no"
    trunk_address: str = "127.0.0.1"
    seat_qualify_s: int = 60
    rtp_first_port: int = 10000
    rtp_last_port: int = 20000
    etc_folder: str = "/etc/asterisk"
    modules_folder: str = "/usr/lib/asterisk/modules"
    data_folder: str = "/usr/share/asterisk"
    var_folder: str = "/var/lib/asterisk"
    spool_folder: str = "/var/spool/asterisk"
    run_folder: str = "/var/run/asterisk"
    log_folder: str = "/var/log/asterisk"
    moh_folder: str = "/etc/asterisk/moh"
    cdrel_custom: str = "load = res_cdrel_custom.so"
    pbx_spool: str = "; pbx_spool.so is for the sandbox: call files need no rights"
    left_out: str = ""
    """Parts that `kefu init` leaves out here, a space between them: no file asks for it, the next run does."""

    def changed(self, **values: Any) -> SiteValues:
        """A copy with some values replaced; refuses names that no file asks for."""
        unknown = values.keys() - {each.name for each in fields(self)}
        if unknown:
            raise CannotRender(f"there is no value named {', '.join(sorted(unknown))} in asterisk-conf")
        return replace(self, **values)


class _Template(string.Template):
    delimiter = "@"
    pattern = r"@(?:\{(?P<braced>[a-z_]+)\}|(?P<escaped>(?!))|(?P<named>(?!))|(?P<invalid>(?!)))"  # type: ignore[assignment]
    flags = re.VERBOSE


def source_folder() -> Path:
    """asterisk-conf: the installed package kefu_asterisk_conf, or the checkout beside us."""
    try:
        return Path(str(importlib.resources.files("kefu_asterisk_conf")))
    except ModuleNotFoundError:
        checkout = Path(__file__).parents[2] / "asterisk-conf"
        if (checkout / "extensions.conf").exists():
            return checkout
        raise CannotRender("asterisk-conf is not installed: install the package kefu again") from None


def with_text(values: SiteValues, changes: Sequence[str]) -> SiteValues:
    """Values changed by `name=value` texts, as a command line gives them."""
    said: dict[str, object] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        known = getattr(values, name, None)
        if not equals or not isinstance(known, str | int):
            raise CannotRender(f"{change!r} sets no value of asterisk-conf: `kefu pbx values` lists them")
        if isinstance(known, int) and not text.isdecimal():
            raise CannotRender(f"{name} must be a whole number, not {text!r}")
        said[name] = int(text) if isinstance(known, int) else text
    return values.changed(**said)


def render(target: Path, values: SiteValues, *, sandbox: bool = False, source: Path | None = None) -> list[Path]:
    """Write the whole tree into `target` and return the files written; writes nothing when a value does not fit."""
    source = source or source_folder()
    texts = dict(_texts(source, values, sandbox))
    texts[VALUES_FILE] = json.dumps(asdict(values), indent=2) + "\n"
    written = [_write(target / name, text) for name, text in texts.items()]
    music = target / "moh" / "kefu.wav"
    if not music.exists():
        music.parent.mkdir(parents=True, exist_ok=True)
        melody.write(music)
    return [*written, music]


def filled(name: str, values: SiteValues, *, source: Path | None = None) -> str:
    """The text of one file of asterisk-conf with a site's values."""
    texts = {key: str(value) for key, value in asdict(values).items() if key != "seats"}
    return _fill((source or source_folder()) / name, texts)


def known_values(target: Path) -> SiteValues | None:
    """The values of an earlier rendering into this folder, so that secrets stay what phones and services know."""
    path = target / VALUES_FILE
    if not path.exists():
        return None
    asked_for = {each.name for each in fields(SiteValues)}
    try:
        left: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        # A value that an older release knew and no file asks for today is let go.
        return SiteValues(**{name: value for name, value in left.items() if name in asked_for})
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotRender(f"{path} is not what an earlier rendering left ({error}): remove it") from error


def _texts(source: Path, values: SiteValues, sandbox: bool) -> Iterator[tuple[str, str]]:
    filled = {name: str(value) for name, value in asdict(values).items() if name != "seats"}
    for part in _PARTS:
        if part == "sandbox" and not sandbox:
            continue
        for path in sorted((source / part).glob("*.conf")):
            yield _target_name(part, path.name), _fill(path, filled)
    for kind in ("pjsip", "queues"):
        seat = source / kind / "seat.template"
        yield (
            f"{kind}_seats.conf",
            "\n".join(
                _fill(seat, {**filled, "seat": number, "seat_secret": secret})
                for number, secret in sorted(values.seats.items())
            ),
        )


def _target_name(part: str, name: str) -> str:
    # The sandbox's own asterisk.conf stands where Asterisk looks for it; a real site keeps the one it has.
    return name if part == "." or name == "asterisk.conf" else f"{part}/{name}"


def _fill(path: Path, values: dict[str, str]) -> str:
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        if any(ord(letter) < 32 for letter in value):
            raise CannotRender(f"the value {name} holds a control character")
    try:
        return _Template(text).substitute(values)
    except KeyError as error:
        name = str(error.args[0])
        line = text[: text.index("@{" + name + "}")].count("\n") + 1
        raise CannotRender(f"{path.name}:{line} asks for @{{{name}}}, which is no known value") from None


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)
    return path
