"""Record the traces anew: `python tests/traces/record.py [--version 22] [--into FOLDER] [NAME …]`.

Each scenario of scenarios*.py is played on a private Asterisk and written to NAME.VERSION.ami.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from queue import Empty

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "asterisk")]

import scenarios_pages  # noqa: E402, F401
import scenarios_phones  # noqa: E402, F401 - found by the path above; each file adds its own to SCENARIOS
import scenarios_transfers  # noqa: E402, F401
from recorder import Recorder  # noqa: E402
from scenarios import SCENARIOS, SHORT_RING_QUEUE  # noqa: E402
from scenarios_queues import QUEUES  # noqa: E402

from crm.pbx.sandbox import Sandbox  # noqa: E402


def record(names: list[str], version: str, into: Path) -> list[str]:
    """Play and record; returns what went wrong, a sentence each. The trace of a scenario that failed is not written."""
    faults: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="kefu-record-") as folder,
        Sandbox(folder, version=version, say=print) as sandbox,
    ):
        queues = sandbox.folder / "etc" / "queues.conf"
        queues.chmod(0o644)
        queues.write_text(queues.read_text() + "\n" + SHORT_RING_QUEUE + QUEUES)
        sandbox.cli("module reload app_queue.so")
        for name in names or list(SCENARIOS):
            print(f"{name} on Asterisk {version} …", flush=True)
            try:
                with Recorder(sandbox, into / f"{name}.{version}.ami") as recorder:
                    SCENARIOS[name](sandbox, recorder)
                    sandbox.cli("channel request hangup all")
            except (AssertionError, OSError, Empty) as fault:
                sandbox.cli("channel request hangup all")
                faults.append(f"{name} on {version} was not played to its end: {type(fault).__name__} {fault}")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *SCENARIOS], help="scenarios; all without any")
    parser.add_argument("--version", default="22", choices=["16", "22"])
    parser.add_argument("--into", type=Path, default=HERE)
    arguments = parser.parse_args()
    sys.exit("\n".join(record(arguments.names, arguments.version, arguments.into)) or 0)


if __name__ == "__main__":
    main()
