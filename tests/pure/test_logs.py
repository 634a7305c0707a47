"""What an operator finds in the log, and what nobody may ever find there."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from crm.logs import about_conversation, scrub_text, set_up_logs, short_number


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logs("bridge", node="asterisk1", stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_names_its_service_node_and_time(written: io.StringIO) -> None:
    structlog.get_logger().info("sight lost", why="Asterisk closed the connection")
    [line] = lines(written)
    assert list(line)[:5] == ["at", "level", "service", "node", "event"]
    assert str(line["at"]).endswith("Z")
    assert (line["service"], line["node"], line["event"]) == ("bridge", "asterisk1", "sight lost")


def test_plain_logging_comes_out_the_same(written: io.StringIO) -> None:
    extra = {"queue": "support", "color_message": "\x1b[1m%s\x1b[0m of %s"}
    logging.getLogger("somebody.else").warning("%s of %s", 3, "four", extra=extra)
    [line] = lines(written)
    assert "color_message" not in line
    assert (line["event"], line["level"], line["queue"], line["service"]) == (
        "3 of four",
        "warning",
        "support",
        "bridge",
    )


async def test_the_conversation_follows_into_tasks_and_ends_with_its_block(written: io.StringIO) -> None:
    async def below() -> None:
        structlog.get_logger().info("asked the desk")
        logging.getLogger("x").warning("slow")

    with about_conversation("1763766000.12345678", flow="front_desk"):
        await asyncio.create_task(below())
    structlog.get_logger().info("after")
    first, second, third = lines(written)
    assert first["conversation"] == second["conversation"] == "1763766000.12345678"
    assert first["flow"] == "front_desk"
    assert "conversation" not in third


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("caller +8613800138000 rang", "caller …8000 rang"),
        ("138-0013-8000", "…8000"),
        ("(010) 6552 9988 again", "(…9988 again"),
        ("tel13800138000", "tel…8000"),
        ("PJSIP/1001-0000001a rings", "PJSIP/1001-0000001a rings"),
        ("Local/13800138000@from-trunk-00000001;1", "Local/…8000@from-trunk-…0001;1"),
        ("seat 1001 at port 12001", "seat 1001 at port 12001"),
        ("call 1763766000.12345678 ended", "call 1763766000.12345678 ended"),
        ("since 2025-11-21 23:30:01 or 2025-11-21T23:30:01Z", "since 2025-11-21 23:30:01 or 2025-11-21T23:30:01Z"),
        ("id 12345678-1234-1234-1234-123456789012", "id 12345678-1234-1234-1234-123456789012"),
        ("from 192.168.100.200", "from 192.168.100.200"),
        ("postgresql://kefu:hunter2@db/kefu", "postgresql://kefu:•••@db/kefu"),
        ("Secret: hunter2 and password='x y'", "Secret: ••• and password='••• y'"),
    ],
)
def test_what_is_shortened_and_what_is_kept(said: str, shown: str) -> None:
    assert scrub_text(said) == shown


def test_secrets_and_numbers_are_hidden_wherever_they_stand(written: io.StringIO) -> None:
    structlog.get_logger().info(
        "login",
        ami_secret="hunter2",
        caller=8613800138000,
        headers={"Cookie": "kefu=abc", "CallerIDNum": "13800138000"},
        tried=["13800138000", "1001"],
        batch_messages=1234567,
    )
    [line] = lines(written)
    assert "hunter2" not in written.getvalue()
    assert "abc" not in written.getvalue()
    assert "13800138000" not in written.getvalue()
    assert line["caller"] == "…8000"
    assert line["tried"] == ["…8000", "1001"]
    assert line["batch_messages"] == 1234567


def test_a_trace_is_kept_whole_but_for_numbers(written: io.StringIO) -> None:
    try:
        raise ValueError("no customer for +8613800138000")
    except ValueError:
        structlog.get_logger().exception("look-up failed")
    [line] = lines(written)
    assert "Traceback" in str(line["exception"])
    assert "…8000" in str(line["exception"])
    assert "0138000" not in written.getvalue()


def test_a_hostile_name_cannot_forge_a_line(written: io.StringIO) -> None:
    set_up_logs("web", stream=written, pretty=True)
    structlog.get_logger().info('from "\r\n2025 [error] forged\x1b[2J')
    assert len(written.getvalue().splitlines()) == 1
    assert "\x1b[2J" not in written.getvalue()


@given(st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True))
def test_no_number_survives_whole(number: str) -> None:
    assert number.lstrip("+")[:-4] not in scrub_text(f"call from {number} came")
    assert short_number(number).endswith(number[-4:])


@given(st.text())
def test_any_text_can_be_scrubbed(text: str) -> None:
    scrub_text(text)
