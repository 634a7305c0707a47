"""A person erased: found nowhere afterwards, figures and everybody else as before, through any fall; and the paper."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import zipfile
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from canary import CODE, E164, FIGURES, NAME, NEEDLES, NUMBER, OTHER, TOLD, plant, seen
from click.testing import CliRunner
from ledger_rows import rows

from crm import agents, audit, certificates, erasures, retention
from crm.cli import main
from crm.database import Database
from crm.deeds import erase_person as deed
from crm.deeds.erase_person import erase_person
from crm.deeds.export_person import export_person
from crm.deeds.find_person import find_person
from crm.refusals import Refusal
from crm.settings import Settings


@pytest.fixture
def settings(folder: Path) -> Settings:
    """A site with a message's recording, a raw ring and two exports that name the canary, and one that does not."""
    data = folder / "data"
    for inside in ("raw/n1", "exports", "voicemail"):
        (data / inside).mkdir(parents=True)
    (data / "voicemail" / "1700000000.1.wav").write_bytes(b"RIFF the voice")
    (data / "voicemail" / "1700000000.9.wav").write_bytes(b"RIFF another voice")
    (data / "raw/n1/1.ami").write_bytes(f"Event: X\r\nCallerIDNum: {NUMBER}\r\nExten: 1001\r\n\r\n".encode())
    (data / "exports" / "all.csv").write_text(f"name,phone\n{NAME},{NUMBER}\n")
    (data / "exports" / "none.csv").write_text("name,phone\nLi,139\n")
    with zipfile.ZipFile(data / "exports" / "all.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", f"<si>{NAME}</si>" * 100)
    return Settings(data_folder=data, voicemail_folder=data / "voicemail")


@pytest.fixture
async def ids(database: Database) -> dict[str, UUID]:
    """The canary in every table."""
    async with database.transaction() as session:
        amy = await agents.create(session, login="amy", name="Amy", password="a good password")
        planted = await plant(session, amy.id)
        await audit.note(
            session, by="amy", did="customer.edit", subject="customer", subject_id=CODE, detail={"x": TOLD}
        )
        await audit.note(session, by="amy", did="customer.edit", subject="customer", subject_id="OTHER-1")
    return planted


def figures(url: str) -> list[tuple[object, ...]]:
    return rows(url, FIGURES)


def in_files(settings: Settings) -> list[Path]:
    """Files in which the canary still stands."""
    left = []
    for path in sorted(settings.data_folder.rglob("*")):
        raw = path.read_bytes() if path.is_file() else b""
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                raw = b"".join(packed.read(name) for name in packed.namelist())
        if any(needle.encode() in raw for needle in NEEDLES):
            left.append(path)
    return left


async def test_the_canary_is_found_nowhere_and_figures_are_unchanged(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID]
) -> None:
    assert len(set(seen(database_url))) > 40, "it was everywhere"
    assert len(in_files(settings)) == 3
    before = figures(database_url)
    certificate = await erase_person(database, settings, NUMBER, by="dana")
    assert list(seen(database_url)) == []
    assert in_files(settings) == []
    assert not (settings.voicemail_folder / "1700000000.1.wav").exists()
    assert (settings.voicemail_folder / "1700000000.9.wav").exists()
    assert (settings.data_folder / "exports" / "none.csv").exists()
    ring = (settings.data_folder / "raw/n1/1.ami").read_bytes()
    assert ring == f"Event: X\r\nCallerIDNum: {'x' * 11}\r\nExten: 1001\r\n\r\n".encode()
    told = rows(database_url, "SELECT key, data FROM announcement WHERE kind = 'customer.erased'")
    assert (str(ids["me"]), {"id": str(ids["me"])}) in told, "other systems hear of it by the id alone"
    assert figures(database_url) == before
    assert not any(needle in json.dumps(certificate, ensure_ascii=False) for needle in NEEDLES)
    async with database.reading() as session:
        found = await audit.verify(session)
    assert (found.fault, found.redacted) == (None, 1)
    with pytest.raises(Refusal, match="nobody is known by"):
        await erase_person(database, settings, NUMBER, by="dana")


async def test_everybody_else_stays_as_they_were(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID]
) -> None:
    await erase_person(database, settings, CODE, by="dana")
    with psycopg.connect(database_url) as connection:
        asked = {"id": ids["other"], "call": ids["strange"]}
        name, note = connection.execute("SELECT name, note FROM customer WHERE id = %(id)s", asked).fetchone() or ()
        assert (name, note) == ("李四光明", "brother of call (erased) back, (erased)")
        call = connection.execute("SELECT caller, caller_name FROM conversation WHERE id = %(call)s", asked).fetchone()
        assert call == (OTHER, "李四光明")
        assert connection.execute("SELECT raw FROM customer_phone").fetchall() == [(OTHER,)]
        said = connection.execute("SELECT note FROM wrap_up WHERE conversation_id = %(call)s", asked).fetchone()
        assert said == ("not 1 call (erased) back, (erased)",)


async def test_a_dry_run_counts_and_changes_nothing(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID]
) -> None:
    before = set(seen(database_url))
    async with database.reading() as session:
        found = await deed.look(session, settings, await find_person(session, settings, NAME))
    assert set(seen(database_url)) == before
    assert (found.recordings, found.files, found.audit) == (1, 3, 1)
    assert found.rows["conversation"] == 2
    assert found.rows["customer_phone"] == 2
    assert found.rows["customer"] == 3, "the two that are one, and whose note names them"
    certificate = await erase_person(database, settings, NAME, by="dana")
    counted = certificate["body"]["erased"]
    assert {name: counted.get(name) for name in found.rows} == found.rows


async def test_who_is_held_is_not_touched_until_released(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID]
) -> None:
    async with database.transaction() as session:
        person = await find_person(session, settings, E164)
        held = await erasures.hold(
            session, customer_id=ids["me"], numbers=person.spellings, reason="court 12/2026", by="dana"
        )
    before = set(seen(database_url))
    with pytest.raises(Refusal, match=r"under legal hold since .* \(court 12/2026\): nothing was erased; release it"):
        await erase_person(database, settings, NUMBER, by="dana")
    assert set(seen(database_url)) == before
    old = Settings(**{**settings.model_dump(), "retention_days": {"conversation": 1, "voicemail": 1, "visit": 1}})
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE conversation SET started_at = started_at - interval '3 days'")
        connection.execute("UPDATE voicemail SET left_at = left_at - interval '3 days'")
    async with database.reading() as session:
        shown = {kept.table: kept for kept in await retention.show(session, old.retention_days)}
    assert (shown["conversation"].due, shown["conversation"].held) == (3, 2)
    assert await retention.run(database, old) == {"conversation": 1}, "the stranger's alone"
    async with database.transaction() as session:
        await erasures.release(session, held, by="dana")
    assert await retention.run(database, old) == {"voicemail": 1, "conversation": 2}
    assert not (settings.voicemail_folder / "1700000000.1.wav").exists()
    await erase_person(database, settings, NUMBER, by="dana")
    assert list(seen(database_url)) == []


async def test_a_word_for_a_number_and_one_that_others_have_lead_to_nobody_elses_calls(
    database: Database, database_url: str
) -> None:
    """Somebody was made a customer in a call that hid its number, and has the same short number as somebody else."""
    with psycopg.connect(database_url) as connection:
        connection.execute("""
            INSERT INTO customer (id, code, name, tier, note)
            SELECT gen_random_uuid(), code, 'Mr. ' || code, 'ordinary', '' FROM unnest(ARRAY['H1', 'H2']) AS code""")
        connection.execute("""
            INSERT INTO customer_phone (id, customer_id, raw, country, validity, kind, do_not_call)
            SELECT gen_random_uuid(), id, raw, 'CN', 'unreadable', 'unknown', false
              FROM customer JOIN (VALUES ('H1', 'anonymous'), ('H1', '10555'), ('H2', '10555'), ('H1', '10777'))
                AS p(code, raw) USING (code)""")
        connection.execute("""
            INSERT INTO conversation (id, node, linkedid, direction, caller, started_at, reconstructed)
            SELECT gen_random_uuid(), 'n', caller, 'inbound', caller, now(), false
              FROM unnest(ARRAY['anonymous', '10555', '10777']) AS caller""")
        (own,) = connection.execute("SELECT id FROM conversation WHERE caller = '10777'").fetchone() or ()
    async with database.reading() as session:
        person = await find_person(session, Settings(), "H1")
    assert person.conversations == [own]
    assert person.spellings == ["10777"]
    assert "anonymous" not in person.shared


async def test_several_or_nobody_meant_is_a_sentence(
    database: Database, settings: Settings, ids: dict[str, UUID]
) -> None:
    async with database.transaction() as session:
        from canary import Planter

        to = Planter(session)
        twin = await to.row("customer", code="TWIN-9", name=NAME)
        await to.row("customer_phone", customer_id=twin["id"], raw=NUMBER, e164=E164, country="CN")
    async with database.reading() as session:
        for asked in (NAME, NUMBER):
            with pytest.raises(Refusal, match=r"may be 2 customers \(CANARY-4711, TWIN-9\): name one by the code"):
                await find_person(session, settings, asked)
        for asked in ("110", "x", "13800000000", "nobody at all", "a\x00b"):
            with pytest.raises(Refusal, match=r"too short to tell a person by|nobody is known by"):
                await find_person(session, settings, asked)
        person = await find_person(session, settings, CODE)
    assert NUMBER in person.shared, "a number that two share is nobody's alone"
    assert NAME in person.shared


KILLED = """
import asyncio, sys
from crm.database import Database
from crm.deeds import erase_person
from crm import erasures, personal_rows
from crm.settings import read_settings

real, personal_rows.ROWS_AT_ONCE = erasures.counted, 1
async def counted(*arguments):
    await real(*arguments)
    print("one more", flush=True)
async def work():
    database = Database(sys.argv[1])
    await erase_person.erase_person(database, read_settings(), sys.argv[2], by="dana")
erasures.counted = counted
asyncio.run(work())
"""


async def test_killed_at_any_moment_it_goes_on_to_the_same_end(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID]
) -> None:
    before = figures(database_url)
    environment = {
        **os.environ,
        "KEFU_DATA_FOLDER": str(settings.data_folder),
        "KEFU_VOICEMAIL_FOLDER": str(settings.voicemail_folder),
    }
    for steps in (2, 9):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, database_url, NUMBER, env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        for _ in range(steps):
            assert await child.stdout.readline() == b"one more\n"
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
    async with database.reading() as session:
        begun = await erasures.listed(session)
    assert [each.finished_at for each in begun] == [None], "the second took up the first one's"
    assert any(seen(database_url))
    assert await deed.resume(database, settings) == 1
    assert list(seen(database_url)) == []
    assert in_files(settings) == []
    assert figures(database_url) == before
    async with database.reading() as session:
        done = await erasures.listed(session)
    assert [(each.work, each.finished_at is not None) for each in done] == [(None, True)]


async def test_a_fall_between_any_two_batches_is_taken_up_with_true_counts(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, falls = erasures.counted, iter(range(1000))

    async def falling(*arguments: object) -> None:
        await real(*arguments)  # type: ignore[arg-type]
        if next(falls) % 9 == 8:
            raise ConnectionResetError

    async with database.reading() as session:
        expected = (await deed.look(session, settings, await find_person(session, settings, NUMBER))).rows
    monkeypatch.setattr(erasures, "counted", falling)
    certificate, tries = None, 0
    while certificate is None:
        tries += 1
        try:
            certificate = await erase_person(database, settings, NUMBER, by="dana")
        except ConnectionResetError:
            continue
    assert tries > 3
    assert list(seen(database_url)) == []
    counted = certificate["body"]["erased"]
    assert {name: counted.get(name) for name in expected} == expected


async def test_an_export_holds_everything_and_is_noted(
    database: Database, settings: Settings, ids: dict[str, UUID], tmp_path: Path
) -> None:
    to = tmp_path / "person.zip"
    counts = await export_person(database, settings, NUMBER, to, by="dana")
    assert to.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(to) as archive:
        about = json.loads(archive.read("person.json"))
        assert archive.read("recordings/1700000000.1.wav") == b"RIFF the voice"
    assert {name: len(found) for name, found in about["rows"].items()} == counts
    assert {row["caller"] for row in about["rows"]["conversation"]} == {f"0{NUMBER}", "101"}
    assert {row["e164"] for row in about["rows"]["customer_phone"]} == {E164, "+8613866667777"}
    async with database.reading() as session:
        noted = await audit.listed(session, did="privacy.export")
    assert NUMBER not in str(noted[0])
    with pytest.raises(Refusal, match="exists already"):
        await export_person(database, settings, NUMBER, to, by="dana")


async def test_the_command_writes_a_certificate_that_anybody_can_check(
    database: Database, database_url: str, settings: Settings, ids: dict[str, UUID], tmp_path: Path
) -> None:
    paper = tmp_path / "certificate.json"
    environment = {
        "KEFU_DATA_FOLDER": str(settings.data_folder),
        "KEFU_VOICEMAIL_FOLDER": str(settings.voicemail_folder),
    }

    def kefu(*words: str, **more: str) -> tuple[int, str]:
        found = CliRunner(env={**environment, **more}).invoke(main, list(words))
        return found.exit_code, found.output

    def all_of_it() -> None:
        erase = ("privacy", "erase", NUMBER, "--database-url", database_url)
        code, told = kefu(*erase, "--dry-run")
        assert code == 0
        assert "customer_phone\t2" in told
        assert kefu(*erase, "--yes", "--certificate", str(paper))[0] == 0
        code, told = kefu("privacy", "verify", str(paper))
        assert (code, told.startswith("genuine: erasure ")) == (0, True)
        key = kefu("privacy", "key")[1].strip()
        assert kefu("privacy", "verify", str(paper), "--public-key", key)[0] == 0
        code, told = kefu("privacy", "verify", str(paper), KEFU_SITE_KEY="ab" * 32)
        assert (code, "another site signed it" in told) == (1, True)
        paper.write_text(paper.read_text().replace('"left": 0', '"left": 1'))
        code, told = kefu("privacy", "verify", str(paper))
        assert (code, "was changed" in told) == (1, True)
        paper.write_text("{}")
        assert "this is no certificate" in kefu("privacy", "verify", str(paper))[1]

    await asyncio.to_thread(all_of_it)
    assert list(seen(database_url)) == []
    assert (settings.data_folder / "site.key").stat().st_mode & 0o777 == 0o600
    assert len(certificates.spoken_key(settings)) == 44
