"""Prompts: both languages complete, spoken in each language's order, built once, recordings kept."""

from __future__ import annotations

import wave
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi import speaking
from agi.answers import OrderStatus
from agi.menu.checking import check_menu
from agi.prompt_building import CannotBuild, build_prompts, missing_sounds
from agi.prompt_texts import compare_with_use, prompts_in_dialplan, prompts_of, read_prompts
from crm.tables.orders import ORDER_STATES

SHIPPED = Path(__file__).parents[2] / "asterisk-conf"
TEXTS, LINES, FAULTS = read_prompts((SHIPPED / "prompts" / "prompts.yaml").read_text("utf-8"), "prompts.yaml")
SMALL = {"hello": {"en": "Hello", "zh": "您好"}, "dash": {"en": "-v is no option", "zh": "二"}}


def test_both_languages_are_complete() -> None:
    assert [str(fault) for fault in FAULTS] == []


def test_everything_used_exists_and_everything_there_is_used() -> None:
    tree, _faults = check_menu((SHIPPED / "ivr" / "front_desk.yaml").read_text("utf-8"), "front_desk.yaml", TEXTS)
    assert tree is not None
    dialplan = [prompts_in_dialplan(path.read_text("utf-8")) for path in sorted(SHIPPED.rglob("*.conf"))]
    used = prompts_of(tree).union(*dialplan)
    assert [str(fault) for fault in compare_with_use("prompts.yaml", LINES, used)] == []


def test_every_state_an_order_can_have_is_spoken() -> None:
    assert speaking.ORDER_STATES == ORDER_STATES


@given(
    st.text(max_size=60),
    st.sampled_from([*ORDER_STATES, "lost", "../../etc/passwd"]),
    st.none() | st.dates(),
    st.sampled_from(["en", "zh"]),
)
def test_whatever_an_order_says_only_existing_prompts_are_played(
    number: str, state: str, expected_on: date | None, language: str
) -> None:
    keys = speaking.order(OrderStatus(number, state, expected_on), language)
    assert set(keys) <= speaking.every_prompt() <= TEXTS.keys()
    assert len(keys) < 50


def said(keys: tuple[str, ...], language: str) -> str:
    return " ".join(TEXTS[key][language] for key in keys)


def test_an_order_is_spoken_in_english_and_chinese() -> None:
    order = OrderStatus("A-105", "shipped", date(2026, 3, 5))
    assert said(speaking.order(order, "en"), "en") == (
        "Your order, number A one zero five has been shipped. It is expected on March fifth two zero two six"
    )
    assert said(speaking.order(order, "zh"), "zh") == (
        "您的订单，编号 A 一 零 五 已经发货。 预计送达日期 二 零 二 六 年 三月 五日"
    )


def test_a_delivered_order_is_not_expected_any_more() -> None:
    assert "order-expected" not in speaking.order(OrderStatus("1", "delivered", date(2026, 3, 5)), "en")


@given(st.dates(), st.dates())
def test_two_days_never_sound_alike(one: date, other: date) -> None:
    assert (speaking.day(one, "zh") == speaking.day(other, "zh")) == (one == other)
    assert speaking.day(one, "en") != speaking.day(one - timedelta(days=1) if one > date.min else date.max, "en")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello: {en: Hello}", "1 E_TEXT"),
        ("hello: {en: Hello, zh: ''}", "1 E_TEXT"),
        ("hello: {en: Hello, zh: 您好, fr: Allo}", "1 E_LANGUAGE"),
        ("hello: {en: Hello, zh: 您好}\nhello: {en: H, zh: 好}", "2 E_TWICE"),
        ("../hello: {en: Hello, zh: 您好}", "1 E_NAME"),
        ("Hello: {en: Hello, zh: 您好}", "1 E_NAME"),
        ("hello: Hello", "1 E_SHAPE"),
        (f"hello: {{en: {'x' * 600}, zh: 您好}}", "1 E_SHAPE"),
        ("- hello", "1 E_SHAPE"),
    ],
)
def test_a_fault_of_the_text_file_is_told_with_its_line(text: str, expected: str) -> None:
    _texts, _lines, faults = read_prompts(text, "p.yaml")
    assert expected in [f"{fault.line} {fault.code}" for fault in faults]


def test_unknown_and_unused_keys_are_told() -> None:
    found = compare_with_use("p.yaml", {"hello": 3, "old": 5}, {"hello", "new"})
    assert [(fault.line, fault.code) for fault in found] == [(1, "E_PROMPT"), (5, "W_UNUSED")]


def test_prompts_played_by_the_dialplan_are_seen() -> None:
    text = "same => n,Playback(kefu/closed&kefu/leave-message)\n; Playback(kefu/commented)\n"
    assert prompts_in_dialplan(text) == {"closed", "leave-message"}


def test_only_what_changed_is_spoken_again(tmp_path: Path) -> None:
    first = build_prompts(SMALL, tmp_path)
    assert sorted(first.made) == ["en/dash.wav", "en/hello.wav", "zh/dash.wav", "zh/hello.wav"]
    with wave.open(str(tmp_path / "zh" / "hello.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        assert 0.3 < sound.getnframes() / 8000 < 3
    assert missing_sounds(SMALL, tmp_path) == []
    assert build_prompts(SMALL, tmp_path).made == ()
    changed = {**SMALL, "hello": {"en": "Good morning", "zh": "您好"}}
    assert build_prompts(changed, tmp_path).made == ("en/hello.wav",)


def test_a_recording_laid_over_ours_is_kept_until_told_otherwise(tmp_path: Path) -> None:
    build_prompts(SMALL, tmp_path)
    recording = (tmp_path / "en" / "dash.wav").read_bytes()
    (tmp_path / "en" / "hello.wav").write_bytes(recording)
    again = build_prompts({**SMALL, "hello": {"en": "Hi", "zh": "您好"}}, tmp_path)
    assert (again.made, again.kept) == ((), ("en/hello.wav",))
    assert (tmp_path / "en" / "hello.wav").read_bytes() == recording
    assert "en/hello.wav" in build_prompts(SMALL, tmp_path, again=True).made


def test_a_killed_run_is_mended_by_the_next(tmp_path: Path) -> None:
    build_prompts(SMALL, tmp_path)
    (tmp_path / "zh" / "hello.wav").unlink()
    (tmp_path / "zh" / "dash.new").write_bytes(b"half")
    assert build_prompts(SMALL, tmp_path).made == ("zh/hello.wav",)
    (tmp_path / "kefu-prompts.json").write_text('{"en/hello.wav": [')
    build_prompts(SMALL, tmp_path)
    assert missing_sounds(SMALL, tmp_path) == []


def test_missing_and_unplayable_sounds_are_named(tmp_path: Path) -> None:
    build_prompts(SMALL, tmp_path)
    (tmp_path / "en" / "hello.wav").unlink()
    (tmp_path / "zh" / "hello.wav").write_bytes(b"no sound")
    with wave.open(str(tmp_path / "zh" / "dash.wav"), "wb") as sound:
        sound.setparams((1, 2, 44100, 0, "NONE", "none"))
        sound.writeframes(bytes(44100))
    faults = missing_sounds(SMALL, tmp_path)
    assert [fault.split(" ")[0] for fault in faults] == ["en/hello.wav", "zh/hello.wav", "zh/dash.wav"]
    assert "kefu prompts build" in faults[0]


def test_a_missing_tool_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuild, match=r"espeak-ng is not installed: run"):
        build_prompts(SMALL, tmp_path / "out")
    assert not (tmp_path / "out").exists()
