"""`kefu ivr check|simulate|rehearse|test|graph|diff`: menu files as text, before any caller hears them.

Joined to the group in cli.py. Data on stdout, talk on stderr; heavy imports inside the commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crm.cli.options import database_option, json_option, option
from crm.cli.output import print_json, say

if TYPE_CHECKING:
    from agi.menu.codes import Fault
    from agi.menu.tree import Menu
    from agi.rehearsal import Line

menu_option = option("--menu", "name", default="front_desk", metavar="NAME", help="An installed menu (front_desk).")
file_option = option("--file", "path", type=click.Path(path_type=Path), help="A menu file not yet installed.")


@click.command(short_help="Check menu files for faults.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@option("--queue", "queues", multiple=True, metavar="NAME", help="A queue that your own dialplan has besides ours.")
@option("--in", "sounds", type=click.Path(path_type=Path), help="Check that each prompt's sound is here, too.")
@json_option
def check(files: tuple[Path, ...], queues: tuple[str, ...], sounds: Path | None, as_json: bool) -> None:
    """Check menu files (the installed ones unless named): every fault with file, line, code and remedy."""
    from agi.menu.checking import check_menu
    from agi.shipped import known, menu_file, menu_names, read_text

    paths = files or tuple(menu_file(name) for name in menu_names())
    here = known(queues, sounds)
    found = [fault for path in paths for fault in check_menu(read_text(path), str(path), here)[1]]
    report(found, as_json, f"{len(paths)} menu file(s) without fault")


@click.command(short_help="Walk a menu on the terminal.")
@menu_option
@file_option
@option("--keys", default="", help='Keys pressed, one an answer; "-" or no more is silence; "+2" is pressed early.')
@option("--from", "number", metavar="NUMBER", help="The caller's number; without --live-crm a known customer's.")
@option("--dialled", default="", metavar="NUMBER", help="The number dialled.")
@option("--at", metavar="TIME", help="The site's local time, such as 2026-10-01T09:30 (now).")
@option("--lang", "language", type=click.Choice(["en", "zh"]), help="Language on that customer's record.")
@option("--tier", type=click.Choice(["key", "main", "ordinary", "small"]), help="That customer's value.")
@option("--closed", is_flag=True, help="Outside opening hours, whatever the settings say.")
@option("--no-order", is_flag=True, help="The customer has no order.")
@option("--close", "closed_queues", multiple=True, metavar="QUEUE", help="As after `kefu queue close-now QUEUE`.")
@option("--announce", "announced", multiple=True, metavar="QUEUE=PROMPT", help="As after `kefu queue announce`.")
@option("--live-crm", is_flag=True, help="Ask the real database who calls and what they ordered.")
@database_option
@json_option
def simulate(name: str, path: Path | None, keys: str, as_json: bool, database_url: str | None, **told: str) -> None:
    """Walk a menu on the terminal: each step a caller goes through who presses these keys, and how they come out:
    what is closed or announced there, and the credit they join a queue with."""
    from agi.rehearsal import HURRIED, SILENCE, given
    from agi.simulating import Simulated, simulate_call
    from agi.steps import KEYS

    wrong = sorted(set(keys) - set(KEYS) - {SILENCE, HURRIED})
    if wrong:
        raise click.BadParameter(
            f"{wrong[0]!r} is no telephone key: use 0-9, * and #, - for silence, + before a key that is pressed early",
            param_hint="--keys",
        )
    lines: list[Line] = []
    wanted = Simulated(load(name, path), database_url=database_url, **told)  # type: ignore[arg-type]
    simulate_call(wanted, given(keys), lines.append if as_json else show)
    if as_json:
        print_json(lines)


@click.command(short_help="Walk a menu, the keyboard is the keypad.")
@menu_option
@file_option
@option("--from", "number", metavar="NUMBER", help="The caller's number; without --live-crm a known customer's.")
@option("--dialled", default="", metavar="NUMBER", help="The number dialled.")
@option("--at", metavar="TIME", help="The site's local time, such as 2026-10-01T09:30 (now).")
@option("--lang", "language", type=click.Choice(["en", "zh"]), help="Language on that customer's record.")
@option("--live-crm", is_flag=True, help="Ask the real database who calls and what they ordered.")
@database_option
def rehearse(name: str, path: Path | None, database_url: str | None, **told: str) -> None:
    """Walk a menu as a caller would: keys are pressed on the keyboard, waiting is silence, Ctrl-C hangs up."""
    from agi.keypad import Keypad
    from agi.simulating import Simulated, simulate_call

    wanted = Simulated(load(name, path), database_url=database_url, **told)  # type: ignore[arg-type]
    with Keypad() as keypad:
        try:
            simulate_call(wanted, keypad.press, show)
        except KeyboardInterrupt:
            click.echo(f"{'hangs up':>9}")


@click.command("test", short_help="Play the golden calls of menus.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@json_option
def play_golden(files: tuple[Path, ...], as_json: bool) -> None:
    """Play golden calls (NAME.test.yaml beside NAME.yaml, the installed ones unless named): keys in, ending out."""
    from agi.golden import play, read_golden
    from agi.shipped import GOLDEN, golden_file, load_prompts, menu_names, read_text

    paths = files or tuple(path for name in menu_names() if (path := golden_file(name)).is_file())
    texts = load_prompts()[0]
    rows = []
    for path in paths:
        if not path.name.endswith(GOLDEN):
            raise click.BadParameter(f"{path} is no file of golden calls: its name ends in {GOLDEN}")
        calls, faults = read_golden(read_text(path), str(path))
        if faults:
            report(faults, as_json, "")
        menu = load("", path.with_name(path.name.removesuffix(GOLDEN) + ".yaml"))
        rows += [(path, play(call, menu, texts)) for call in calls]
    failed = sum(bool(outcome.failures) for _path, outcome in rows)
    if as_json:
        fields = ("name", "line", "keys")
        print_json([
            {"file": str(path), **{name: getattr(one.call, name) for name in fields}, "heard": one.heard,
             "ends": one.ended, "failures": one.failures}
            for path, one in rows
        ])  # fmt: skip
    else:
        for path, one in rows:
            click.echo(f"{'FAILED' if one.failures else 'ok':>6}  {one.call.name}")
            for failure in one.failures:
                click.echo(f"        {path}:{one.call.line} {failure}")
        say(f"{len(rows) - failed} of {len(rows)} golden calls went as they must")
    if failed:
        raise SystemExit(1)


@click.command(short_help="Draw a menu as SVG.")
@menu_option
@file_option
@option("--lang", "languages", multiple=True, type=click.Choice(["en", "zh"]), help="One language only (both).")
@option("--to", "target", type=click.Path(path_type=Path), help="Write the picture here instead of to stdout.")
def graph(name: str, path: Path | None, languages: tuple[str, ...], target: Path | None) -> None:
    """Draw a menu as SVG: parts, questions, keys, endings, with the prompts' texts."""
    from agi.menu.drawing import draw
    from agi.shipped import load_prompts

    menu = load(name, path)
    picture = draw(menu, load_prompts()[0], languages or menu.languages)
    if target is None:
        click.echo(picture, nl=False)
        return
    try:
        target.write_text(picture, "utf-8")
    except OSError as refused:
        raise click.ClickException(f"{target} cannot be written: {refused.strerror or refused}") from None
    say(f"{target} shows {menu.name}")


@click.command(short_help="What a caller would notice of a change.")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@json_option
def diff(before: Path, after: Path, as_json: bool) -> None:
    """What a caller would notice between two menu files: steps added, removed, changed, keys moved. Exit 1 if any."""
    from agi.menu.differing import differences

    found = differences(load("", before), load("", after))
    if as_json:
        print_json(found)
    else:
        for one in found:
            click.echo(str(one))
        if not found:
            say("a caller would notice nothing")
    if found:
        raise SystemExit(1)


def load(name: str, path: Path | None) -> Menu:
    """A menu without fault, or one sentence."""
    from agi.shipped import load_menu, menu_names

    if path is None and name not in menu_names():
        raise click.BadParameter(
            f"{name!r} is no installed menu: there are {', '.join(menu_names())}", param_hint="--menu"
        )
    return load_menu(name, path)


def show(line: Line) -> None:
    """One line of a call on the terminal."""
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in line.text)
    click.echo(f"{line.what:>9}  {text}")


def report(found: list[Fault], as_json: bool, good: str) -> None:
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
