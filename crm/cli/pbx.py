"""`kefu pbx`: check and render asterisk-conf, harden its accounts, and run a private Asterisk."""

from __future__ import annotations

from pathlib import Path

import click

from .options import json_option, option
from .output import print_json, print_table, say


@click.group()
def pbx() -> None:
    """Check asterisk-conf, render it for a site, harden its accounts, run a private Asterisk."""


@pbx.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def check(folder: Path | None, as_json: bool) -> None:
    """Lint the dialplan and what belongs to it (default: the tree that comes with Kefu). Exits 1 on any finding."""
    from dataclasses import asdict

    from crm.pbx import lint
    from crm.pbx.render import source_folder

    folder = folder or source_folder()
    found = lint.check(folder)
    program = lint.asterisklint()
    if program is None:
        say("asterisklint is not installed (pip install asterisklint-jjs): only our own checks were made")
    else:
        found += lint.check_grammar(folder, program)
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        for each in found:
            click.echo(str(each))
    if found:
        raise click.exceptions.Exit(1)
    say(f"{folder.name}: nothing found")


@pbx.command()
@option("--to", "target", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Where.")
@option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="A value of the site; see `kefu pbx values`.")
def render(target: Path, changes: tuple[str, ...]) -> None:
    """Write asterisk-conf with a site's values. Secrets are made once, and kept when DIR is written again."""
    from crm.pbx import render as rendering

    values = rendering.known_values(target) or rendering.SiteValues(
        etc_folder=str(target.absolute()), moh_folder=str(target.absolute() / "moh")
    )
    written = rendering.render(target, rendering.with_text(values, changes))
    say(f"{len(written)} files written to {target}; its secrets are in {target / rendering.VALUES_FILE}")


@pbx.command()
@json_option
def values(as_json: bool) -> None:
    """What a site may change with `render --set`, and the defaults. Secrets and seats are not shown."""
    from dataclasses import asdict

    from crm.pbx.render import SiteValues

    shown = {
        name: value
        for name, value in asdict(SiteValues()).items()
        if "secret" not in name and name not in ("seats", "left_out")
    }
    if as_json:
        print_json(shown)
    else:
        for name, value in shown.items():
            click.echo(f"{name}={value}")


@pbx.command()
@option("--probe", is_flag=True, help="Try every action with both accounts against the running Asterisk.")
@option("--tls-certificate", metavar="FILE", help="Let AMI be reached over the network, by TLS alone (PEM, with key).")
@option("--tls-address", metavar="ADDRESS:PORT", help="Where Asterisk listens for it (default: every address, 5039).")
@option("--permit", metavar="NETWORK", help="Whence the bridge comes, such as 10.0.0.7/32 (default: this machine).")
@json_option
def harden(
    probe: bool, tls_certificate: str | None, tls_address: str | None, permit: str | None, as_json: bool
) -> None:
    """Print manager.conf for the two AMI accounts, with the least rights and new secrets.

    With --probe, try what the accounts of the settings may do, without any effect: on seats, channels and queues that
    do not exist. Exits 1 when an answer is otherwise than expected.
    """
    from crm.pbx import harden as hardening

    if probe:
        _probe(as_json)
        return
    if tls_certificate is None and (tls_address or permit):
        raise click.UsageError(
            "--tls-address and --permit need --tls-certificate: AMI leaves this machine by TLS alone"
        )
    tls = None
    if tls_certificate is not None:
        said = {"address": tls_address, "permit": permit}
        tls = hardening.Tls(tls_certificate, **{name: value for name, value in said.items() if value is not None})
    text = hardening.manager_conf(tls=tls)
    if as_json:
        print_json({"manager.conf": text})
    else:
        click.echo(text, nl=False)
    say("the secrets are new: put the same into KEFU_AMI_SECRET and KEFU_AMI_ACTOR_SECRET")


def _probe(as_json: bool) -> None:
    from msgspec import structs

    from crm.pbx import harden as hardening
    from crm.settings import read_settings

    settings = read_settings()
    try:
        tried = hardening.probe(settings)
    except OSError as away:
        where = f"{settings.ami_host}:{settings.ami_port}"
        raise click.ClickException(f"nothing answers at {where} ({away}): see ami_host and ami_port") from away
    wrong = hardening.differences(tried)
    rows = [{**structs.asdict(each), "verdict": "DIFFERS" if each.differs else "as expected"} for each in tried]
    if as_json:
        print_json({"tried": rows, "differences": len(wrong)})
    else:
        print_table(rows, ("account", "action", "needs", "expected", "found", "how", "verdict"))
    say(f"{len(tried)} actions tried, {len(wrong)} otherwise than expected")
    if wrong:
        raise click.exceptions.Exit(1)


@pbx.group()
def sandbox() -> None:
    """A private Asterisk: own ports and folders, nothing left behind."""


folder_option = option(
    "--folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Its folder (default: sandbox in the cache folder).",
)
version_option = option(
    "--asterisk",
    "version",
    metavar="VERSION",
    help="22 or 16, built from Debian (default: the Asterisk on PATH, else 22).",
)


prompts_option = option(
    "--prompts",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Spoken prompts, one folder a language.",
)
agi_option = option(
    "--agi-port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="Where the IVR server listens (default: a free port).",
)


@sandbox.command()
@version_option
def build(version: str | None) -> None:
    """Build what is missing, once: about a minute and 350 MB in the cache folder."""
    from crm.pbx.asterisk_root import find_or_build

    found = find_or_build(version, say)
    click.echo(f"Asterisk {found.version} in {found.root or found.program}")


@sandbox.command()
@folder_option
@version_option
@prompts_option
@agi_option
@json_option
def run(folder: Path | None, version: str | None, prompts: Path | None, agi_port: int | None, as_json: bool) -> None:
    """Start it, print where it listens, and keep it until Ctrl-C or `kefu pbx sandbox stop`."""
    import signal

    from crm.pbx.sandbox import Sandbox

    def end(number: int, frame: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Sandbox(
        folder or _usual_folder(), version=version, fastagi_port=agi_port, prompts_folder=prompts, say=say
    ) as started:
        _print_addresses(started.addresses(), as_json)
        while True:
            signal.pause()


@sandbox.command()
@folder_option
@version_option
@prompts_option
@agi_option
@json_option
def start(folder: Path | None, version: str | None, prompts: Path | None, agi_port: int | None, as_json: bool) -> None:
    """Start it in the background, print where it listens; `stop` ends it."""
    import json
    import subprocess
    import sys

    folder = (folder or _usual_folder()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    options = {"--folder": folder, "--asterisk": version, "--prompts": prompts, "--agi-port": agi_port}
    said = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "crm.cli", "pbx", "sandbox", "run", "--json", *said],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    document = b""
    while (line := keeper.stdout.readline()) and line.rstrip() != b"}":
        document += line
    if not line:
        last = (folder / "keeper.log").read_text("utf-8", "replace").strip().splitlines()
        raise click.ClickException(last[-1].removeprefix("Error: ") if last else "the sandbox did not start")
    _print_addresses(json.loads(document + b"}"), as_json)


@sandbox.command()
@folder_option
def stop(folder: Path | None) -> None:
    """End the sandbox of this folder, whoever started it."""
    from crm.pbx import sandbox_keeper

    sandbox_keeper.stop((folder or _usual_folder()).absolute())
    say("stopped")


@sandbox.command()
@click.argument("command", nargs=-1, required=True)
@folder_option
def cli(command: tuple[str, ...], folder: Path | None) -> None:
    """What its console prints: kefu pbx sandbox cli queue show."""
    from crm.pbx import sandbox_keeper

    click.echo(sandbox_keeper.console((folder or _usual_folder()).absolute(), " ".join(command)), nl=False)


def _print_addresses(addresses: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_json(addresses)
    else:
        for name, value in addresses.items():
            click.echo(f"{name}\t{value}")


def _usual_folder() -> Path:
    from crm.pbx.asterisk_root import cache_folder

    return cache_folder() / "sandbox"
