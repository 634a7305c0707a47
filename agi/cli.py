"""`kefu ivr …` and `kefu prompts …`. Data on stdout, talk on stderr; heavy imports inside the commands."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crm.cli.options import database_option, json_option, node_option, option
from crm.cli.output import print_json, say

if TYPE_CHECKING:
    from agi.menu.codes import Fault
    from agi.menu.tree import MenuTree
    from crm.settings import Settings


def ivr_service(settings: Settings) -> list[str]:
    """How `kefu up` starts this room: the arguments after `kefu`."""
    return ["ivr", "serve"]


@click.group()
def ivr() -> None:
    """What callers hear: serve calls, check and rehearse menus."""


@ivr.command()
@option("--host", metavar="ADDRESS", envvar="KEFU_FASTAGI_HOST", help="Address to listen on.")
@option("--port", type=int, metavar="PORT", envvar="KEFU_FASTAGI_PORT", help="Port to listen on.")
@option("--health-port", type=int, metavar="PORT", envvar="KEFU_IVR_HEALTH_PORT", help="Port of /healthz; 0: none.")
@node_option
@database_option
def serve(
    host: str | None, port: int | None, health_port: int | None, node: str | None, database_url: str | None
) -> None:
    """Answer calls that Asterisk sends by FastAGI, until SIGTERM."""
    import uvloop

    from agi.service import serve as serve_calls
    from crm.settings import read_settings

    settings = read_settings(
        fastagi_host=host, fastagi_port=port, ivr_health_port=health_port, node=node, database_url=database_url
    )
    uvloop.run(serve_calls(settings))


@ivr.command(short_help="Check menu files for faults.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check menu files (the installed ones unless named): every fault with file, line, code and remedy."""
    from agi.shipped import menu_file, menu_names

    paths = files or tuple(menu_file(name) for name in menu_names())
    found = [fault for path in paths for fault in _check_menu(path)[1]]
    _report(found, as_json, f"{len(paths)} menu file(s) without fault")


@ivr.command(short_help="Play the front desk on the terminal.")
@option("--keys", default="", help='Keys pressed, one an answer; "-" stays silent, as does whoever has no more.')
@option("--file", "path", type=click.Path(path_type=Path), help="A menu file not yet installed.")
@option("--number", help="Number of the caller; with it the caller is a known customer.")
@option("--language", type=click.Choice(["en", "zh"]), help="Language on that customer's record.")
@option("--closed", is_flag=True, help="Outside opening hours.")
@option("--no-order", is_flag=True, help="The customer has no order.")
@json_option
def simulate(
    keys: str, path: Path | None, number: str | None, language: str | None, closed: bool, no_order: bool, as_json: bool
) -> None:
    """Play the front desk on the terminal: what a caller hears who presses these keys."""
    from uuid import UUID

    from agi.flows.front_desk import front_desk
    from agi.rehearsal import SILENCE, Rehearsal
    from agi.shipped import Unfit, load_prompts, menu_file
    from agi.steps import KEYS, Caller, OrderStatus

    wrong = sorted(set(keys) - set(KEYS) - {SILENCE})
    if wrong:
        raise click.BadParameter(
            f"{wrong[0]!r} is no telephone key: use 0-9, * and #, or - for silence", param_hint="--keys"
        )
    tree, faults = _check_menu(path or menu_file("front_desk"))
    if tree is None:
        raise Unfit(str(next(fault for fault in faults if fault.stops)))
    caller = Caller(number, UUID(int=1), language) if number else Caller()
    order = OrderStatus("A-1024", "shipped", date(2026, 3, 5))
    play = Rehearsal(
        front_desk(tree),
        load_prompts()[0],
        keys,
        caller=caller,
        is_open=not closed,
        order="not_found" if no_order else order,
    )
    lines = list(play)
    if as_json:
        print_json([{"what": what, "text": text} for what, text in lines])
    else:
        for what, text in lines:
            click.echo(f"{what:>9}  {text}")


@click.group()
def prompts() -> None:
    """What is said: the texts of all prompts, and their sound files."""


@prompts.command(short_help="Speak what changed since the last time.")
@option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    envvar="KEFU_PROMPTS_FOLDER",
    help="Where en/ and zh/ go.",
)
@option("--again", is_flag=True, help="Speak all again, also over recordings that are not ours.")
@json_option
def build(folder: Path | None, again: bool, as_json: bool) -> None:
    """Speak what changed since the last time (espeak-ng and sox); recordings laid over ours are kept."""
    from rich.console import Console
    from rich.progress import Progress

    from agi.prompt_building import build_prompts

    folder = _folder(folder)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Speaking prompts", total=None)
        built = build_prompts(
            _texts(), folder, again=again, on_progress=lambda done, of: progress.update(bar, completed=done, total=of)
        )
    if as_json:
        print_json({"folder": str(folder), "made": built.made, "unchanged": built.unchanged, "kept": built.kept})
    else:
        kept = f", {len(built.kept)} recordings of yours kept" if built.kept else ""
        say(f"{len(built.made)} spoken, {built.unchanged} unchanged{kept} in {folder}")


@prompts.command("check", short_help="Check texts and sound files.")
@option(
    "--in",
    "folder",
    type=click.Path(path_type=Path),
    envvar="KEFU_PROMPTS_FOLDER",
    help="Check the sound files here, too.",
)
@json_option
def check_prompts(folder: Path | None, as_json: bool) -> None:
    """Both languages complete, every key used exists, every key there is used, every sound can be played."""
    from agi.menu.codes import Fault
    from agi.prompt_building import missing_sounds
    from agi.prompt_texts import compare_with_use, prompts_in_dialplan, prompts_of
    from agi.shipped import folder as installed
    from agi.shipped import load_prompts, menu_file, menu_names, prompts_file, read_text

    texts, lines, found = load_prompts()
    trees = [_check_menu(menu_file(name))[0] for name in menu_names()]
    used = {prompt for tree in trees if tree is not None for prompt in prompts_of(tree)}
    for path in sorted(installed().rglob("*.conf")):
        used |= prompts_in_dialplan(read_text(path))
    found = [*found, *compare_with_use(str(prompts_file()), lines, used)]
    wanted = folder is not None
    folder = _folder(folder)
    spoken = wanted or folder.is_dir()
    if spoken:
        found += [Fault(str(folder), 0, "E_SOUND", sentence) for sentence in missing_sounds(texts, folder)]
    _report(found, as_json, f"{len(texts)} prompts without fault" + (f", all sounds in {folder}" if spoken else ""))


@prompts.command(short_help="Print the texts for a recording studio.")
@option("--language", type=click.Choice(["en", "zh"]), help="One language only.")
@json_option
def script(language: str | None, as_json: bool) -> None:
    """The texts for the person who records them: file name and sentence."""
    from agi.prompt_building import sounds

    rows = [(name, text) for name, text in sounds(_texts()) if not language or name.startswith(f"{language}/")]
    if as_json:
        print_json([{"file": name, "text": text} for name, text in rows])
    else:
        for name, text in sorted(rows):
            click.echo(f"{name}\t{text}")


def _check_menu(path: Path) -> tuple[MenuTree | None, list[Fault]]:
    from agi.menu.checking import check_menu
    from agi.shipped import load_prompts, read_text

    return check_menu(read_text(path), str(path), load_prompts()[0])


def _texts() -> dict[str, dict[str, str]]:
    from agi.shipped import Unfit, load_prompts

    texts, _lines, faults = load_prompts()
    if faults:
        raise Unfit(f"{faults[0]} (run `kefu prompts check`)")
    return texts


def _folder(said: Path | None) -> Path:
    """Where the sounds are: as said, as set, else under the data folder."""
    from crm.settings import read_settings

    settings = read_settings(prompts_folder=said)
    return settings.prompts_folder or settings.data_folder / "prompts"


def _report(found: list[Fault], as_json: bool, good: str) -> None:
    """All findings on stdout; exit 1 when one of them stops the use of its file."""
    if as_json:
        print_json([{"file": one.file, "line": one.line, "code": one.code, "sentence": one.sentence} for one in found])
    else:
        for fault in found:
            click.echo(str(fault))
        if not found:
            say(good)
    if any(fault.stops for fault in found):
        raise SystemExit(1)
