"""Processes that die with us, whatever we die of.

The child's standard input is a pipe whose other end only we hold. When we end, also by kill -9, the kernel closes it,
and a small shell beside the child ends it. Inside a process namespace that shell is process 1, so that the kernel
ends all that the child left behind, and the mounts of the namespace go with it. Used by the sandbox and by the
building of its root. Knows nothing of Asterisk.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from crm.refusals import Refusal

GRACE_S = 5
"""How long a child may take to end by itself once its lifeline is cut."""

_LIFELINE = f"""
exec 3<&0
"$@" </dev/null 3<&- & child=$!
{{ read -r _ <&3; kill -TERM $child; sleep {GRACE_S}; kill -KILL $child; }} 2>/dev/null & watcher=$!
exec 3<&-
wait $child; code=$?
kill -KILL $watcher 2>/dev/null
exit $code
"""


class NoNamespaces(Refusal):
    """This user may not make namespaces; the message says what to install or do."""


def is_root() -> bool:
    return os.geteuid() == 0


def namespace_command() -> list[str]:
    """The command line that gives what follows its own mounts and process ids; an ordinary user becomes root inside."""
    command = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=SIGKILL"]
    if _root_is_no_mount():
        command += ["--propagation", "unchanged"]
    return command if is_root() else [*command, "--user", "--map-root-user"]


def _root_is_no_mount() -> bool:
    """Whether we live in a chroot of a plain folder: there no mount stands at /, and none can be made private there."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return not any(line.split(" ", 5)[4] == "/" for line in mounts)


def check_namespaces() -> None:
    """Raise NoNamespaces with the remedy, unless namespaces can be made here."""
    if shutil.which("unshare") is None:
        raise NoNamespaces("the program 'unshare' is missing: install Debian's package util-linux")
    tried = subprocess.run([*namespace_command(), "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise NoNamespaces(
            "this user may not make a process namespace "
            f"({tried.stderr.strip() or 'unshare failed'}): run as root, or install Debian's packages "
            "uidmap and mmdebstrap and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
        )


def spawn(
    command: Sequence[str], *, namespaces: bool, output: IO[bytes] | int, folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` on a lifeline. Cut it with `cut`; it is also cut when this process ends in any way."""
    prefix = namespace_command() if namespaces else []
    return subprocess.Popen(
        [*prefix, "/bin/sh", "-c", _LIFELINE, "lifeline", *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        start_new_session=True,  # a Ctrl-C in the terminal is ours to answer, not the child's
    )


def cut(process: subprocess.Popen[bytes]) -> int:
    """End the child as if we had died, wait for it, and return its exit code. Does nothing twice."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    try:
        return process.wait(GRACE_S + 3)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def crash(process: subprocess.Popen[bytes]) -> int:
    """End the child with no chance to say goodbye, as a crash would; all is gone when this returns."""
    # Process 1 of a namespace ends last: waiting for its parent waits for everything inside.
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    return cut(process)
