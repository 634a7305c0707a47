"""The private root is built once, whole or not at all, by one builder at a time.

The builder here is a script in mmdebstrap's place: it lays down the few files by which a root is known.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crm.pbx import asterisk_root, lifeline

BUILDER = """#!/bin/sh
# in mmdebstrap's place: the last argument is the folder
for folder; do :; done
echo "I: extracting archives..." >&2
mkdir -p "$folder/usr/lib/x/asterisk/modules" "$folder/usr/share/asterisk/sounds" "$folder/var/lib/dpkg" || exit 1
printf 'Package: asterisk\\nVersion: 1:22.10.1~dfsg-1\\n' > "$folder/var/lib/dpkg/status"
echo built >> "$(dirname "$folder")/builds"
{then}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a PATH with no Asterisk on it, and a builder that works."""
    monkeypatch.setenv("KEFU_CACHE_DIR", str(tmp_path / "cache"))
    put_builder(tmp_path, "")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path / "cache"


def put_builder(folder: Path, then: str) -> None:
    program = folder / "bin" / "mmdebstrap"
    program.parent.mkdir(exist_ok=True)
    program.write_text(BUILDER.replace("{then}", then))
    program.chmod(0o755)


def builds(cache: Path) -> int:
    return len((cache / "builds").read_text().splitlines())


def test_it_is_built_once_and_found_again(cache: Path) -> None:
    said: list[str] = []
    first = asterisk_root.find_or_build("22", said.append)
    again = asterisk_root.find_or_build("22", said.append)
    assert first == again
    assert first.version == "22.10.1"
    assert first.root == cache / "asterisk-22"
    assert first.modules_folder == Path("/usr/lib/x/asterisk/modules")
    assert builds(cache) == 1
    assert said[0].startswith("building a private Asterisk 22 from Debian sid")
    assert "extracting archives..." in said


def test_a_half_built_root_is_recognised_and_built_again(cache: Path) -> None:
    half = cache / "asterisk-22.half-built"
    (half / "usr").mkdir(parents=True)
    said: list[str] = []
    found = asterisk_root.find_or_build("22", said.append)
    assert found.root == cache / "asterisk-22"
    assert not half.exists()
    assert any("removing a half-built root" in line for line in said)


def test_a_build_that_fails_leaves_nothing_and_says_why(cache: Path, tmp_path: Path) -> None:
    put_builder(tmp_path, 'echo "E: apt-get update failed" >&2; exit 1')
    with pytest.raises(asterisk_root.NoAsterisk, match="could not build Asterisk 22: E: apt-get update failed"):
        asterisk_root.find_or_build("22")
    assert not (cache / "asterisk-22").exists()
    assert not (cache / "asterisk-22.half-built").exists()


def test_two_builders_at_once_build_once(cache: Path, tmp_path: Path) -> None:
    put_builder(tmp_path, "sleep 0.5")
    program = "from crm.pbx import asterisk_root; print(asterisk_root.find_or_build('22', print).version)"
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=30)[0] for process in both]
    assert [text.splitlines()[-1] for text in said] == ["22.10.1", "22.10.1"]
    assert sum("another process is building this Asterisk: waiting for it" in text for text in said) == 1
    assert builds(cache) == 1


def test_kill_9_of_a_builder_ends_its_build(cache: Path, tmp_path: Path) -> None:
    put_builder(tmp_path, "sleep 1000.25 & wait")
    program = (
        "from crm.pbx import asterisk_root; asterisk_root.find_or_build('22', lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        while builder.stdout.readline() != "extracting archives...\n":
            pass
        builder.kill()
    put_builder(tmp_path, "")
    assert asterisk_root.find_or_build("22").root == cache / "asterisk-22"
    assert not (cache / "asterisk-22.half-built").exists()


def test_without_a_builder_one_sentence_says_what_to_install(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin" / "mmdebstrap").unlink()
    (tmp_path / "bin" / "unshare").symlink_to("/usr/bin/unshare")
    (tmp_path / "bin" / "true").symlink_to("/usr/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    with pytest.raises(
        asterisk_root.NoAsterisk, match=r"install the package 'asterisk' .* Debian's package 'mmdebstrap'"
    ):
        asterisk_root.find_or_build("22")
    assert list(cache.glob("asterisk-22*")) == [cache / "asterisk-22.lock"]


def test_an_asterisk_on_path_is_taken_when_its_version_serves(cache: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "asterisk"
    program.write_text('#!/bin/sh\necho "Asterisk 20.9.3~dfsg"\n')
    program.chmod(0o755)
    with pytest.raises(asterisk_root.NoAsterisk, match="has no modules"):
        asterisk_root.find_or_build()  # this one's modules are on no disk of ours
    assert asterisk_root.find_or_build("22").root == cache / "asterisk-22", "another version was asked for"


def test_a_version_that_nobody_packages_is_refused(cache: Path) -> None:
    with pytest.raises(asterisk_root.NoAsterisk, match="Asterisk 11 cannot be built here: choose one of 22, 16"):
        asterisk_root.find_or_build("11")


def test_a_user_without_namespaces_is_told_what_to_install(cache: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "unshare"
    program.write_text('#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n')
    program.chmod(0o755)
    with pytest.raises(
        lifeline.NoNamespaces, match=r"Operation not permitted.*run as root, or install Debian's packages"
    ):
        asterisk_root.find_or_build("22")
