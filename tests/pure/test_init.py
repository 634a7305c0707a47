"""`kefu init` on a folder that looks like a site's: what it adds, leaves alone and refuses, and undoing it."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crm.cli import main
from crm.cli.init import PARTS
from crm.pbx import install, site_conf
from crm.pbx.render import SiteValues

SITE = {
    "asterisk.conf": "[directories](!)\nastdatadir => {sounds}\nastlogdir => {sounds}/log\n",
    "extensions.conf": "[general]\nstatic=yes\n\n[globals]\nTRUNK=PJSIP/1\n\n[theirs]\nexten => s,1,Hangup()",
    "queues.conf": "[general]\nshared_lastcall = no\n",
    "manager.conf": '[general]\nenabled = no\nport = 5039\n#include "manager.d/*.conf"\n',
    "manager.d/boss.conf": "[boss]\nsecret = x\n",
    "pjsip.conf": ";--\n[1001]\n--;\n[transport]\ntype = transport\n",
    "cel.conf": "[general]\nenable=no\n",
    "features.conf": "[general]\natxferabort => *9\n[featuremap]\nblindxfer => #1\n",
    "res_parking.conf": "[general]\n[default] ; Default\nparkext => 700\nparkpos => 701-710\ncontext => parkedcalls\n",
}


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (tmp_path / "data" / "sounds" / "en").mkdir(parents=True)
    (tmp_path / "data" / "log").mkdir()
    for name, text in SITE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(sounds=tmp_path / "data").replace("(!)", ""))
    return folder


def kefu_init(etc: Path, *arguments: str) -> Result:
    """The command as typed, nobody at the terminal, its settings file beside the site's folder."""
    return CliRunner().invoke(
        main, ["init", "--etc", str(etc), *arguments], env={"KEFU_CONFIG": str(etc.parent / "kefu.toml")}, input=""
    )


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (path.read_text(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_written_before_somebody_agrees(etc: Path) -> None:
    before = snapshot(etc.parent)
    ran = kefu_init(etc)
    assert ran.exit_code == 1
    assert "say --yes" in ran.stderr
    assert '+#tryinclude "kefu/extensions.conf"' in ran.stdout
    assert snapshot(etc.parent) == before


def test_what_is_written_and_that_a_second_run_changes_nothing(etc: Path) -> None:
    theirs = snapshot(etc)
    ran = kefu_init(etc, "--yes", "--node", "beijing-1", "--set", "web_port=8500")
    assert ran.exit_code == 0, ran.stderr
    settings = etc.parent / "kefu.toml"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    said = settings.read_text()
    assert 'node = "beijing-1"\n' in said
    assert "web_port = 8500\n" in said
    assert "ami_port = 5039\n" in said, "taken over from the site's manager.conf"
    assert "shared_lastcall = yes" in ran.stderr, "a line of the site that stays in force is named"
    for name, (text, _mode) in theirs.items():
        assert (etc / name).read_text().startswith(text), f"{name} begins as it was"
    assert "asterisk -rx 'module load cel_custom.so'" in ran.stderr, "a reload does not load what gave up at the start"
    assert (etc.parent / "data" / "log" / "cel-custom").is_dir(), "cel_custom makes no folder"
    accounts = (etc / "kefu" / "manager.conf").read_text()
    for line in said.splitlines():
        if line.startswith(("ami_secret", "ami_actor_secret")):
            secret = line.partition(" = ")[2].strip('"')
            assert f"secret = {secret}\n" in accounts
            assert secret not in ran.stdout + ran.stderr
    assert stat.S_IMODE((etc / "kefu" / "manager.conf").stat().st_mode) == 0o640
    assert (etc.parent / "data/sounds/en/kefu").is_symlink()
    once = snapshot(etc.parent)
    again = kefu_init(etc, "--yes")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing to do" in again.stderr
    assert snapshot(etc.parent) == once


def test_shared_sections_are_added_to_and_general_ones_kept_to_the_needful(etc: Path) -> None:
    assert kefu_init(etc, "--yes").exit_code == 0
    ours = {path.name: path.read_text() for path in (etc / "kefu").glob("*.conf")}
    said = re.sub(r"^;.*\n", "", ours["extensions.conf"], flags=re.MULTILINE)
    assert "[globals](+)\nKEFU_AGI = agi://127.0.0.1:4573\nKEFU_AGI_OTHER = none\n" in said
    assert "[general]" not in ours["extensions.conf"]
    assert "[general](+)" in ours["manager.conf"]
    assert "bindaddr" not in ours["manager.conf"]
    assert "[mappings]\n" in ours["cel_custom.conf"]
    assert "type = transport" not in ours["pjsip.conf"]
    assert "[trunk]" not in ours["pjsip.conf"]
    assert site_conf.value(etc, etc / "manager.conf", "general", "enabled") == "yes"


def test_the_keys_of_the_sites_phones_stay_and_what_is_missing_for_us_is_added(etc: Path) -> None:
    ran = kefu_init(etc, "--yes")
    assert "set atxferabort = *1 in [general], it is *9" in ran.stderr, "the bridge types these"

    def says(part: str, section: str, name: str) -> str | None:
        return site_conf.value(etc, etc / f"{part}.conf", section, name)

    assert says("features", "featuremap", "blindxfer") == "#1"
    assert says("features", "featuremap", "atxfer") == "*2"
    assert says("features", "general", "atxferabort") == "*9"
    assert says("features", "general", "transferdigittimeout") is None
    assert says("res_parking", "default", "parkpos") == "701-710"
    assert says("res_parking", "default", "comebackcontext") == "park-returned"
    assert "[default](+)" in (etc / "kefu" / "res_parking.conf").read_text()


def test_undo_gives_back_every_byte(etc: Path) -> None:
    before = snapshot(etc)
    assert kefu_init(etc, "--yes").exit_code == 0
    ran = kefu_init(etc, "--undo", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout)["done"] is True
    # A file that did not end with a line's end has one now; nothing else may differ.
    assert {name: text.rstrip("\n") for name, (text, _mode) in snapshot(etc).items()} == {
        name: text.rstrip("\n") for name, (text, _mode) in before.items()
    }
    assert not (etc / "kefu").exists()
    assert not (etc.parent / "data/sounds/en/kefu").is_symlink()
    assert "nothing to do" in kefu_init(etc, "--undo", "--yes").stderr


def test_a_name_that_the_site_uses_is_refused_with_its_line(etc: Path) -> None:
    (etc / "manager.d" / "more.conf").write_text("; ours\n[kefu_reader]\nsecret = y\n")
    before = snapshot(etc.parent)
    ran = kefu_init(etc, "--yes")
    assert ran.exit_code == 1
    assert "more.conf:2 has a section [kefu_reader] already" in ran.stderr
    assert "--without manager" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert snapshot(etc.parent) == before
    assert kefu_init(etc, "--yes", "--without", "manager").exit_code == 0
    assert "Kefu" not in (etc / "manager.conf").read_text()


def test_a_part_left_out_later_is_taken_out(etc: Path) -> None:
    assert kefu_init(etc, "--yes").exit_code == 0
    assert kefu_init(etc, "--yes", "--without", "pjsip").exit_code == 0
    assert (etc / "pjsip.conf").read_text() == SITE["pjsip.conf"]
    assert not (etc / "kefu" / "pjsip.conf").exists()
    assert not (etc / "kefu" / "pjsip_seats.conf").exists()
    assert (etc / "kefu" / "queues.conf").exists()


def test_a_part_that_was_left_out_stays_out_until_it_is_asked_for(etc: Path) -> None:
    """The doctor says plain `kefu init`: it must not install what the site declined."""
    (etc / "manager.d" / "more.conf").write_text("[kefu_reader]\nsecret = y\n")
    assert kefu_init(etc, "--yes", "--without", "manager", "--without", "pjsip").exit_code == 0
    once = snapshot(etc.parent)
    assert "nothing to do" in kefu_init(etc, "--yes").stderr
    assert snapshot(etc.parent) == once
    assert kefu_init(etc, "--yes", "--with", "pjsip").exit_code == 0
    assert (etc / "kefu" / "pjsip.conf").exists()
    assert not (etc / "kefu" / "manager.conf").exists()
    refused = kefu_init(etc, "--yes", "--with", "cel", "--without", "cel")
    assert (refused.exit_code, "say one of them" in refused.stderr) == (2, True)


def test_the_sites_own_trunk_outlives_every_repeat_and_the_undoing(etc: Path) -> None:
    """Asterisk takes the last of equal globals, so the site's stand behind ours, in a file that we never write."""
    ran = kefu_init(etc, "--yes")
    trunk = etc / "kefu" / "site" / "globals.conf"
    assert f"CALLBACK_VIA = @your-trunk in {trunk}" in ran.stderr
    trunk.parent.mkdir()
    trunk.write_text("CALLBACK_BY = PJSIP/0\nCALLBACK_VIA = @telecom\n")
    once = snapshot(etc.parent)
    again = kefu_init(etc, "--yes", "--without", "cel_custom")
    assert (again.exit_code, "your-trunk" in again.stderr) == (0, False)
    assert trunk.read_text() == once["etc/kefu/site/globals.conf"][0]
    said = re.sub(r"^;.*\n", "", (etc / "kefu" / "extensions.conf").read_text(), flags=re.MULTILINE)
    ours, _, behind = said.partition('#tryinclude "kefu/site/globals.conf"\n')
    assert "CALLBACK_VIA = @trunk\n" in ours
    assert " = " not in behind.partition("#include")[0]
    assert kefu_init(etc, "--undo", "--yes").exit_code == 0
    assert [path.name for path in (etc / "kefu").rglob("*") if path.is_file()] == ["globals.conf"]
    assert "nothing to do" in kefu_init(etc, "--undo", "--yes").stderr


def test_settings_are_never_overwritten_unasked(etc: Path) -> None:
    settings = etc.parent / "kefu.toml"
    settings.write_text('ami_secret = "r"\nami_actor_username = "kefu_actor"\nami_actor_secret = "a"\n')
    ran = kefu_init(etc, "--yes", "--node", "x")
    assert (ran.exit_code, "write it anew by --force" in ran.stderr) == (1, True)
    assert kefu_init(etc, "--yes").exit_code == 0
    assert settings.read_text().startswith('ami_secret = "r"\n')
    assert "secret = r\n" in (etc / "kefu" / "manager.conf").read_text(), "the file's secrets are the ones installed"
    assert kefu_init(etc, "--yes", "--force", "--node", "x").exit_code == 0
    assert 'node = "x"' in settings.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--country", "China"], "two capital letters"),
        (["--set", "web_port=80000"], "--web-port: 80000 cannot be used"),
        (["--set", "web_prot=80"], "did you mean 'web_port'"),
        (["--set", "nonsense"], "NAME=VALUE"),
        (["--database-url", "mysql://x"], "a Postgres address"),
        (["--etc", "/nowhere"], "no configuration of an Asterisk"),
    ],
)
def test_bad_values_are_one_sentence_and_nothing_written(etc: Path, arguments: list[str], sentence: str) -> None:
    before = snapshot(etc.parent)
    ran = kefu_init(etc, "--yes", *arguments)
    assert ran.exit_code == 1
    assert sentence in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert snapshot(etc.parent) == before


def test_a_killed_run_is_finished_by_the_next(etc: Path) -> None:
    values = SiteValues(reader_secret="r", actor_secret="a")
    changes = install.plan(etc, values)
    whole = etc.parent / "whole"
    for written in range(len(changes)):
        install.carry_out(changes[:written], etc / "asterisk.conf")  # what a kill left
        rest = install.plan(etc, values)
        install.carry_out(rest, etc / "asterisk.conf")
        assert install.plan(etc, values) == []
        install.carry_out(install.plan_removal(etc), etc / "asterisk.conf")
    assert not whole.exists()
    assert not list(etc.rglob("*.kefu-init"))


def test_the_command_offers_the_parts_that_there_are() -> None:
    assert install.PARTS == PARTS


def test_sections_are_found_through_includes_and_not_in_comments(etc: Path) -> None:
    found = [each.name for each in site_conf.sections(etc, etc / "manager.conf")]
    assert found == ["general", "boss"]
    assert [each.name for each in site_conf.sections(etc, etc / "pjsip.conf")] == ["transport"]
    (etc / "loop.conf").write_text('#include "loop.conf"\n[a]\n')
    assert "a" in [each.name for each in site_conf.sections(etc, etc / "loop.conf")]
