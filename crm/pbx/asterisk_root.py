"""Where the sandbox's Asterisk comes from: the one on PATH, or a private Debian root built once into a cache folder.

A root is built under a temporary name and renamed when complete, so a root that bears its name is whole; whatever
bears the temporary name while nobody holds the lock is half-built and is removed. Called by sandbox.py and `kefu pbx`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crm.pbx import lifeline
from crm.refusals import Refusal

SUITES = {"22": "sid", "16": "bullseye"}
"""Debian suites that carry each Asterisk; both ends of the supported range."""
OLDEST, NEWEST, USUAL = 16, 23, "22"
PACKAGES = "asterisk,asterisk-core-sounds-en-gsm"
ROOM_NEEDED_MB = 1_200

Say = Callable[[str], None]
"""Called with one line of progress at a time."""


class NoAsterisk(Refusal):
    """No Asterisk is to be had here; the message says why and how to mend it."""


# A file system of its own, made of the cached root (never written to) and our run folder.
_ENTER_ROOT = """
set -e
root=$1; new=$2; shift 2
mount -t tmpfs -o mode=755 kefu "$new"
mount --make-rprivate "$new"
for entry in "$root"/bin "$root"/sbin "$root"/lib* "$root"/usr "$root"/etc; do
    name=${entry##*/}
    if [ -L "$entry" ]; then cp -P "$entry" "$new/$name"
    elif [ -d "$entry" ]; then mkdir "$new/$name"; mount --bind "$entry" "$new/$name"; fi
done
mkdir "$new/dev" "$new/proc" "$new/tmp" "$new/var"
mount --rbind /dev "$new/dev"
mount --rbind /proc "$new/proc"
while [ "$1" != -- ]; do mkdir -p "$new$1"; mount --bind "$1" "$new$1"; shift; done
shift
exec chroot "$new" "$@"
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """One Asterisk. Its folders are as Asterisk itself sees them, below `root` where that is not None."""

    program: str
    version: str
    root: Path | None
    modules_folder: Path
    data_folder: Path

    def on_host(self, path: Path) -> Path:
        """Where we ourselves find a path of this Asterisk."""
        return path if self.root is None else self.root / path.relative_to("/")

    def command(self, command: Sequence[str], new_root: Path, seen: Sequence[Path]) -> list[str]:
        """The command as started in a mount namespace of its own: it finds the paths `seen` where we find them."""
        if self.root is None:
            return list(command)
        new_root.mkdir(exist_ok=True)
        paths = [str(path) for path in (self.root, new_root, *seen)]
        return ["/bin/sh", "-c", _ENTER_ROOT, "enter-root", *paths, "--", *command]

    def has_module(self, name: str) -> bool:
        return (self.on_host(self.modules_folder) / f"{name}.so").exists()


def cache_folder() -> Path:
    """Where private roots are kept: KEFU_CACHE_DIR, else the user's own cache."""
    chosen = os.environ.get("KEFU_CACHE_DIR")
    return Path(chosen) if chosen else Path.home() / ".cache" / "kefu"


def find_or_build(version: str | None = None, say: Say = lambda line: None) -> Installation:
    """The Asterisk on PATH if it serves (None: any supported version), else the private root, built if need be.

    Raises NoAsterisk, or lifeline.NoNamespaces, with one sentence that says what is missing and how to mend it.
    """
    found = _on_path(version)
    if found is not None:
        return found
    wanted = version or USUAL
    if wanted not in SUITES:
        raise NoAsterisk(f"Asterisk {wanted} cannot be built here: choose one of {', '.join(SUITES)}")
    lifeline.check_namespaces()
    return _described(_root(wanted, say))


def _serves(found: str, version: str | None) -> bool:
    major = found.partition(".")[0]
    return major == version or (version is None and major.isdigit() and OLDEST <= int(major) <= NEWEST)


def _on_path(version: str | None) -> Installation | None:
    program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    asked = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    found = _number(asked.stdout)
    return _installation(program, None, found) if _serves(found, version) else None


def _described(root: Path) -> Installation:
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    package = re.search(r"^Package: asterisk\n(?:.+\n)*?Version: (?:\d+:)?(\S+)", status, re.MULTILINE)
    return _installation("/usr/sbin/asterisk", root, _number(package.group(1) if package else ""))


def _number(text: str) -> str:
    found = re.search(r"\d+(\.\d+)*", text)
    return found.group(0) if found else "unknown"


def _installation(program: str, root: Path | None, version: str) -> Installation:
    base = root or Path("/")
    modules = [*base.glob("usr/lib/*/asterisk/modules"), *base.glob("usr/lib*/asterisk/modules")]
    modules += base.glob("usr/local/lib*/asterisk/modules")
    data = [
        base / place
        for place in ("usr/share/asterisk", "var/lib/asterisk", "usr/local/share/asterisk")
        if (base / place / "sounds").is_dir()
    ]
    if not modules or not data:
        lacking = "modules" if not modules else "sounds"
        raise NoAsterisk(f"{root or program} has no {lacking}: remove it and start again")
    return Installation(
        program=program,
        version=version,
        root=root,
        modules_folder=Path("/") / modules[0].relative_to(base),
        data_folder=Path("/") / data[0].relative_to(base),
    )


def _root(version: str, say: Say) -> Path:
    folder = cache_folder()
    root = folder / f"asterisk-{version}"
    if root.exists():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    with _only_builder(folder / f"asterisk-{version}.lock", say):
        _remove_half_built(folder, version, say)
        if not root.exists():  # another builder may have finished while we waited
            _build(version, root, say)
    return root


@contextmanager
def _only_builder(lock: Path, say: Say) -> Iterator[None]:
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building this Asterisk: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _half_built_name(root: Path) -> Path:
    return root.with_name(f"{root.name}.half-built")


def _remove_half_built(folder: Path, version: str, say: Say) -> None:
    half = _half_built_name(folder / f"asterisk-{version}")
    if half.exists():
        say(f"removing a half-built root, {half}")
        remove_root(half)


def remove_root(root: Path) -> None:
    """Remove a root with all files, also those that belong to our subordinate user ids. Leaves mounts alone."""
    as_owner = [] if lifeline.is_root() else ["unshare", "--user", "--map-auto", "--map-root-user"]
    subprocess.run([*as_owner, "rm", "-rf", "--one-file-system", "--", str(root)], check=True)


def _build(version: str, root: Path, say: Say) -> None:
    _check_builder(root.parent)
    half = _half_built_name(root)
    # The release file of a mirror may be past its date; its signature is checked all the same.
    options = ["--variant=apt", '--aptopt=Acquire::Check-Valid-Until "false"', f"--include={PACKAGES}"]
    command = ["mmdebstrap", *options, SUITES[version], str(half)]
    say(f"building a private Asterisk {version} from Debian {SUITES[version]} (about a minute, 350 MB)")
    process = lifeline.spawn(command, namespaces=lifeline.is_root(), output=subprocess.PIPE)
    said: list[str] = []
    try:
        assert process.stdout is not None
        for raw in process.stdout:
            said.append(raw.decode(errors="replace").rstrip())
            if said[-1].startswith("I: "):
                say(said[-1][3:])
        code = process.wait()
    finally:
        lifeline.cut(process)
    if code != 0:
        why = next((line for line in reversed(said) if line.startswith("E: ")), "\n".join(said[-3:]))
        remove_root(half)
        raise NoAsterisk(f"mmdebstrap could not build Asterisk {version}: {why}")
    half.rename(root)


def _check_builder(folder: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise NoAsterisk(
            "there is no Asterisk on PATH and none can be built: install the package 'asterisk' where your system "
            "has one, else Debian's package 'mmdebstrap'"
        )
    if not lifeline.is_root() and shutil.which("newuidmap") is None:
        raise NoAsterisk("an ordinary user needs Debian's package 'uidmap' to build a private Asterisk")
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < ROOM_NEEDED_MB:
        raise NoAsterisk(
            f"{folder} has {free_mb} MB free, a private Asterisk needs {ROOM_NEEDED_MB}: make room, "
            "or name another folder in KEFU_CACHE_DIR"
        )
