"""`kefu prompts …`: the texts of all prompts, and their sound files. Heavy imports inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agi.menu_commands import report
from crm.cli.options import json_option, option
from crm.cli.output import print_json, say

if TYPE_CHECKING:
    from agi.prompt_recordings import Taken


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


@prompts.command(short_help="Print what a voice actor speaks.")
@option("--language", type=click.Choice(["en", "zh"]), help="One language only.")
@option("--format", "form", type=click.Choice(["text", "markdown", "csv"]), default="text", help="How to print it.")
@json_option
def script(language: str | None, form: str, as_json: bool) -> None:
    """What a voice actor speaks: every file and its sentence, a language after the other."""
    from agi.prompt_script import WRITERS, rows_of

    rows = rows_of(_texts(), language)
    if as_json:
        print_json([{"file": row.file, "text": row.text} for row in rows])
    else:
        click.echo(WRITERS[form](rows), nl=False)


language_option = option(
    "--language", type=click.Choice(["en", "zh"]), required=True, help="Of which language this is the sentence."
)
to_option = option(
    "--to", "folder", type=click.Path(path_type=Path), envvar="KEFU_PROMPTS_FOLDER", help="Where en/ and zh/ are."
)


@prompts.command("import", short_help="Take in a recording of a prompt.")
@click.argument("key")
@click.argument("recording", type=click.Path(path_type=Path))
@language_option
@to_option
@json_option
def take_in_recording(key: str, recording: Path, language: str, folder: Path | None, as_json: bool) -> None:
    """Put a recording (wav, flac, ogg, mp3, aiff) in place of a prompt: made playable, made even in loudness, the file
    before it kept, and left alone by build."""
    from agi.prompt_recordings import prompt_name, take_in

    _told(take_in(recording, _folder(folder), prompt_name(_texts(), key, language)), as_json)


@prompts.command(short_help="Speak a prompt into a seat's phone.")
@click.argument("key")
@language_option
@option("--seat", required=True, metavar="NUMBER", help="Whose phone rings: 1001.")
@to_option
@json_option
def record(key: str, language: str, seat: str, folder: Path | None, as_json: bool) -> None:
    """Ring a seat and put what is spoken there in place of a prompt. Run it where Asterisk's files can be read."""
    from agi.prompt_recordings import prompt_name, speak, take_in
    from crm.doctor.probe_pbx import as_actor, as_reader
    from crm.settings import read_settings

    texts = _texts()
    name, settings = prompt_name(texts, key, language), read_settings()
    say(f"{name}: {texts[key][language]}")
    with as_reader(settings) as ear, as_actor(settings) as hand:
        spoken = speak(ear, hand, seat, say)
    _told(take_in(spoken, _folder(folder), name), as_json)
    spoken.unlink(missing_ok=True)


def _told(taken: Taken, as_json: bool) -> None:
    if as_json:
        print_json({"file": taken.file, "seconds": taken.seconds, "earlier": taken.earlier})
    else:
        kept = f"; the one before is {taken.earlier}" if taken.earlier else ""
        say(f"{taken.file} is a recording of {taken.seconds} s now{kept}")


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
