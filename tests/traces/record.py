"""Record the traces anew: `python tests/traces/record.py [--version 22] [--into FOLDER] [NAME …]`.

Each scenario of scenarios.py is played on a private Asterisk and written to NAME.VERSION.ami.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "asterisk")]

from recorder import Recorder  # noqa: E402 - found by the path above
from scenarios import SCENARIOS, SHORT_RING_QUEUE  # noqa: E402

from crm.pbx.sandbox import Sandbox  # noqa: E402


def record(names: list[str], version: str, into: Path) -> None:
    """Play and record. Raises what a scenario raises; its trace is not written then."""
    with (
        tempfile.TemporaryDirectory(prefix="kefu-record-") as folder,
        Sandbox(folder, version=version, say=print) as sandbox,
    ):
        queues = sandbox.folder / "etc" / "queues.conf"
        queues.chmod(0o644)
        queues.write_text(queues.read_text() + "\n" + SHORT_RING_QUEUE)
        sandbox.cli("module reload app_queue.so")
        for name in names or list(SCENARIOS):
            print(f"{name} on Asterisk {version} …", flush=True)
            with Recorder(sandbox, into / f"{name}.{version}.ami") as recorder:
                SCENARIOS[name](sandbox, recorder)
                sandbox.cli("channel request hangup all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *SCENARIOS], help="scenarios; all without any")
    parser.add_argument("--version", default="22", choices=["16", "22"])
    parser.add_argument("--into", type=Path, default=HERE)
    arguments = parser.parse_args()
    record(arguments.names, arguments.version, arguments.into)


if __name__ == "__main__":
    main()
