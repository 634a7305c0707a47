"""Asterisk's own files, read from a known place: half lines, rotation, copies cut to nothing, any bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_bridge.backfill.files import Spot, end_of, read_from

LINE = st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=("Cs",)), max_size=30)


def test_only_whole_lines_are_read(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    file.write_text("one\ntwo\nthr")
    assert read_from(file, None).lines == ["one", "two"]
    with file.open("a") as more:
        more.write("ee\n")
    assert read_from(file, None).lines == ["one", "two", "three"]


def test_reading_begins_where_it_was_left(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    file.write_text("one\n")
    spot = end_of(file)
    with file.open("a") as more:
        more.write("two\n")
    assert read_from(file, spot).lines == ["two"]


def test_a_rotated_file_is_found_by_its_inode(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    file.write_text("one\n")
    spot = end_of(file)
    with file.open("a") as more:
        more.write("two\nhal")
    file.rename(tmp_path / "queue_log.0")
    file.write_text("three\n")
    read = read_from(file, spot)
    assert read.lines == ["two", "hal", "three"], "a half line of a rotated file is no beginning of the next file's"
    assert read.trouble is None
    file.rename(tmp_path / "queue_log.1")
    file.write_text("four\n")
    assert read_from(file, spot).lines == ["two", "hal", "three", "four"]


def test_a_file_that_was_rotated_away_is_said(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    file.write_text("new\n")
    read = read_from(file, Spot(1, 10))
    assert read.lines == ["new"]
    assert "rotated away" in str(read.trouble)


def test_a_copy_that_was_cut_to_nothing_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    file.write_text("a long line that is gone\n")
    spot = end_of(file)
    file.write_text("new\n")
    assert spot is not None
    assert read_from(file, Spot(file.stat().st_ino, spot.position)).lines == ["new"]


@pytest.mark.parametrize("at_most", [1, 999, 1000, 1001, 30_000, 199_999])
def test_of_a_huge_file_the_end_is_read_and_that_is_said(tmp_path: Path, at_most: int) -> None:
    file = tmp_path / "queue_log"
    lines = [f"{number:09}" for number in range(20_000)]
    file.write_text("".join(f"{line}\n" for line in lines))
    spot = end_of(file)
    assert spot is not None
    file.rename(tmp_path / "queue_log.1")
    file.write_text("now\n")
    read = read_from(file, Spot(spot.inode, 0), at_most)
    assert read.lines == [*lines, "now"][20_001 - len(read.lines) :]
    assert at_most - 20 <= sum(len(line) + 1 for line in read.lines) <= at_most
    assert "only its end was read" in str(read.trouble)
    assert read_from(file, Spot(spot.inode, 0), 200_004).trouble is None


def test_no_file_is_no_end(tmp_path: Path) -> None:
    assert end_of(tmp_path / "none") is None


@given(st.lists(LINE, max_size=20), st.integers(0, 400), st.integers(0, 20))
@settings(deadline=None)  # a busy disk is no fault
def test_any_cut_and_any_rotation_lose_no_line(lines: list[str], cut: int, rotated_after: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kefu.csv"
        file.write_bytes(b"")
        spot = end_of(file)
        old = "".join(f"{line}\n" for line in lines[:rotated_after]).encode()
        new = "".join(f"{line}\n" for line in lines[rotated_after:]).encode()
        file.write_bytes(old)
        if new:
            file.rename(file.with_name("kefu.csv.1"))
            file.write_bytes(new[: max(0, len(new) - cut)])
        read = read_from(file, spot).lines
        assert read == lines[: len(read)]
        assert len(read) >= min(len(lines), rotated_after)
        if new:
            file.write_bytes(new)
        assert read_from(file, spot).lines == lines


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_read(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "queue_log"
        file.write_bytes(data)
        assert len(read_from(file, None).lines) == data.count(b"\n")
