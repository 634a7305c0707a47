"""`kefu prompts …`: the texts of all prompts, and their sound files. Heavy imports inside the commands."""

from __future__ import annotations

from pathlib import Path

import click

from agi.menu_commands import report
from crm.cli.options import json_option, option
from crm.cli.output import print_json, say


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
    from agi.menu.checking import check_menu
    from agi.menu.codes import Fault
    from agi.menu.known import Known
    from agi.prompt_building import missing_sounds
    from agi.prompt_texts import compare_with_use, prompts_in_dialplan, prompts_of
    from agi.shipped import folder as installed
    from agi.shipped import load_prompts, menu_file, menu_names, prompts_file, read_text

    texts, lines, found = load_prompts()
    here = Known(texts)
    trees = [check_menu(read_text(menu_file(name)), str(menu_file(name)), here)[0] for name in menu_names()]
    used = {prompt for tree in trees if tree is not None for prompt in prompts_of(tree)}
    for path in sorted(installed().rglob("*.conf")):
        used |= prompts_in_dialplan(read_text(path))
    found = [*found, *compare_with_use(str(prompts_file()), lines, used)]
    wanted = folder is not None
    folder = _folder(folder)
    spoken = wanted or folder.is_dir()
    if spoken:
        found += [Fault(str(folder), 0, "E_SOUND", sentence) for sentence in missing_sounds(texts, folder)]
    report(found, as_json, f"{len(texts)} prompts without fault" + (f", all sounds in {folder}" if spoken else ""))


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
