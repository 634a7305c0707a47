"""`kefu …` in this process, for tests that a loop runs in: starting one costs a second, and most are not about that.

The process itself, its exit codes and signals are met in test_agi_cli.py, test_cli_up.py and
test_bridge_process.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from click.testing import CliRunner, Result

from crm.cli import main


def in_this_process(*arguments: str, **environment: str) -> Result:
    """Run a command to its end, beside whatever loop runs in this thread."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(CliRunner(env=environment).invoke, main, list(arguments)).result()
