"""Tokens and subscribers at the command line: what is refused is one sentence, what is shown once is shown once."""

from __future__ import annotations

import asyncio
import json

import psycopg
from click.testing import CliRunner, Result
from foreign_crm import ForeignCrm

from crm.cli import main


def kefu(*arguments: str, url: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url], input=answer)


def test_a_token_is_shown_once_and_its_hash_kept(database_url: str) -> None:
    made = kefu("token", "add", "crm", "--scope", "customer.read", "--days", "30", url=database_url)
    token = made.stdout.strip()
    assert token.startswith("kefu_")
    assert token not in kefu("token", "list", "--json", url=database_url).stdout
    with psycopg.connect(database_url) as connection:
        (stored,) = connection.execute("SELECT token_hash FROM api_token").fetchone() or ()
        assert len(stored) == 32
        noted = connection.execute("SELECT did, subject_id FROM audit ORDER BY number").fetchall()
    assert noted == [("token.add", "crm")]
    assert "already" in kefu("token", "add", "crm", "--scope", "customer.read", url=database_url).stderr
    assert "a token needs a scope" in kefu("token", "add", "other", url=database_url).stderr
    assert kefu("token", "revoke", "crm", url=database_url).exit_code == 0
    again = kefu("token", "revoke", "crm", url=database_url)
    assert (again.exit_code, "in force" in again.stderr) == (1, True)


def test_a_subscriber_that_cannot_be_is_refused_in_one_sentence(database_url: str) -> None:
    def add(*more: str) -> str:
        ran = kefu("webhook", "add", "crm", *more, url=database_url)
        assert (ran.exit_code, ran.stdout) == (1, "")
        return ran.stderr

    assert "the address is none" in add("ftp://crm.example/")
    assert "do not belong into addresses" in add("https://kefu:secret@crm.example/")
    assert "is in no catalogue" in add("https://crm.example/", "--kind", "case.*", "--kind", "weather.changed")
    assert "a secret is whsec_" in add("https://crm.example/", "--secret", "short")
    assert json.loads(kefu("webhook", "list", "--json", url=database_url).stdout) == []
    for command in (("test",), ("dead",), ("replay",), ("pause",), ("remove", "--yes")):
        ran = kefu("webhook", command[0], "nobody", *command[1:], url=database_url)
        assert (ran.exit_code, "there is no subscriber 'nobody'" in ran.stderr) == (1, True), command


async def test_a_subscriber_that_says_no_to_the_test_is_told_so(database_url: str) -> None:
    async with ForeignCrm() as crm:
        crm.answer = lambda _: "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n"

        def run() -> tuple[Result, Result, Result]:
            added = kefu("webhook", "add", "crm", crm.url, "--json", url=database_url)
            inside = kefu("webhook", "test", "crm", url=database_url)
            runner = CliRunner(env={"KEFU_WEBHOOK_PRIVATE": "127.0.0.1"})
            tested = runner.invoke(main, ["webhook", "test", "crm", "--database-url", database_url])
            return added, inside, tested

        added, inside, tested = await asyncio.to_thread(run)
        crm.secret = json.loads(added.stdout)["secret"]
    assert (inside.exit_code, "an address inside" in inside.stderr) == (1, True)
    assert (tested.exit_code, "crm answered 403" in tested.stderr) == (1, True)
