"""`kefu privacy`: find, export and erase one person; holds that forbid it; certificates that tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, refuse_masked, say

if TYPE_CHECKING:
    from uuid import UUID

    from crm.database import Database
    from crm.deeds.erase_person import Seen
    from crm.settings import Settings

BY = "command line"
person_argument = click.argument("person", metavar="PERSON")


@click.group()
def privacy() -> None:
    """Find, export and erase one person. PERSON: a number, a customer's code or a whole name."""


@privacy.command()
@person_argument
@database_option
@json_option
def find(person: str, database_url: str | None, as_json: bool) -> None:
    """Count what there is of a person; change nothing."""
    seen = _look(person, database_url, did="privacy.find")
    if as_json:
        print_json(seen)
    else:
        _told(seen)


@privacy.command()
@person_argument
@option("--to", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The archive (.zip) to write.")
@database_option
@json_option
def export(person: str, to: Path, database_url: str | None, as_json: bool) -> None:
    """Write everything kept of a person into one archive: rows as JSON, recordings."""
    from crm.deeds.export_person import export_person

    async def work(database: Database, settings: Settings) -> dict[str, int]:
        refuse_masked("an export")
        return await export_person(database, settings, person, to, by=BY)

    counts = with_database(work, database_url=database_url)
    if as_json:
        print_json({"file": str(to), "rows": counts})
    else:
        say(f"{sum(counts.values())} rows of {len(counts)} tables written to {to}")


@privacy.command()
@person_argument
@option("--dry-run", is_flag=True, help="Only count what would be erased.")
@option("--yes", is_flag=True, help="Do not ask.")
@option("--certificate", "to", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the certificate.")
@database_option
@json_option
def erase(person: str, dry_run: bool, yes: bool, to: Path | None, database_url: str | None, as_json: bool) -> None:
    """Take a person out of rows, recordings, journal, exports; figures stay. It cannot be undone.

    One that was cut off is taken up by the same command, by `resume`, or by the worker.
    """
    from crm.deeds.erase_person import erase_person
    from crm.refusals import Refusal

    if to is not None and to.exists():
        raise Refusal(f"{to} exists already: name a new file")
    if dry_run or not yes:
        seen = _look(person, database_url, did="privacy.find", unless_begun=not dry_run)
        if seen and as_json and dry_run:
            print_json(seen)
        elif seen:
            _told(seen)
        if dry_run:
            return
        click.confirm("Erase all of it for good?", abort=True, err=True)

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        return await erase_person(database, settings, person, by=BY)

    _certificate(with_database(work, database_url=database_url), to, as_json)


@privacy.command()
@database_option
@json_option
def resume(database_url: str | None, as_json: bool) -> None:
    """Take up every erasure that was cut off."""
    from crm.deeds import erase_person

    async def work(database: Database, settings: Settings) -> int:
        return await erase_person.resume(database, settings)

    finished = with_database(work, database_url=database_url)
    if as_json:
        print_json({"finished": finished})
    else:
        say(f"{finished} finished")


@privacy.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """Erasures, the newest first; of whom is known only while one goes on."""
    from crm import erasures

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Any]:
        async with database.reading() as session:
            rows = await erasures.listed(session)
        return [_row(each) for each in rows], settings.zone

    rows, zone = with_database(work, database_url=database_url)
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("id", "began_at", "finished_at", "by", "erased"), zone)


@privacy.command()
@click.argument("erasure", type=click.UUID)
@option("--to", type=click.Path(dir_okay=False, path_type=Path), help="A file (default: stdout).")
@database_option
def certificate(erasure: UUID, to: Path | None, database_url: str | None) -> None:
    """Give the certificate of an erasure once more."""
    from crm import erasures
    from crm.refusals import Refusal

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        async with database.reading() as session:
            found = await erasures.find(session, erasure)
        if found.certificate is None:
            raise Refusal("this erasure is not finished: run `kefu privacy resume`")
        return dict(found.certificate)

    _certificate(with_database(work, database_url=database_url), to, as_json=True)


@privacy.command()
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@option("--public-key", metavar="KEY", help="As `kefu privacy key` prints it (default: of this site).")
@json_option
def verify(certificate: Path, public_key: str | None, as_json: bool) -> None:
    """Check a certificate's signature and tell what it says. Needs no database."""
    from crm import certificates
    from crm.settings import read_settings

    key = certificates.public_key_of(public_key or certificates.spoken_key(read_settings()))
    body = certificates.check(certificate.read_bytes(), key)
    if as_json:
        print_json(body)
        return
    erased = sum(body["erased"].values())
    say(f"genuine: erasure {body['erasure']} of {body['finished_at'][:10]}, {erased} rows and files, nothing left")


@privacy.command()
def key() -> None:
    """Print the public key by which anybody can check this site's certificates."""
    from crm import certificates
    from crm.settings import read_settings

    click.echo(certificates.spoken_key(read_settings()))


def _look(person: str, database_url: str | None, *, did: str, unless_begun: bool = False) -> Seen | None:
    from crm import audit, erasures
    from crm.deeds.erase_person import look
    from crm.deeds.find_person import find_person

    async def work(database: Database, settings: Settings) -> Seen | None:
        async with database.transaction() as session:
            begun = {(each.work or {}).get("person", {}).get("asked") for each in await erasures.unfinished(session)}
            if unless_begun and " ".join(person.split()) in begun:
                say("this erasure was begun and cut off: it goes on where it stopped")
                return None
            found = await find_person(session, settings, person)
            whom = str(found.customers[0]) if found.customers else "number"
            await audit.note(session, by=BY, did=did, subject="customer", subject_id=whom)
        async with database.reading() as session:
            return await look(session, settings, found)

    return with_database(work, database_url=database_url)


def _told(seen: Seen | None) -> None:
    if seen is None:
        return
    rows: list[dict[str, object]] = [{"what": name, "count": count} for name, count in sorted(seen.rows.items())]
    more = {"recordings": seen.recordings, "files that name them": seen.files, "words in the audit": seen.audit}
    print_table([*rows, *({"what": what, "count": count} for what, count in more.items())], ("what", "count"))


def _row(erasure: Any) -> dict[str, Any]:
    said = {"id": erasure.id, "began_at": erasure.began_at, "finished_at": erasure.finished_at, "by": erasure.by}
    return {**said, "erased": sum(erasure.counts.values())}


def _certificate(document: dict[str, Any], to: Path | None, as_json: bool) -> None:
    import msgspec

    if to is not None:
        to.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        say(f"the certificate is in {to}")
    elif as_json:
        print_json(document)
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _holds() -> None:
    from .legal_hold import hold, holds, release

    for command in (hold, release, holds):
        privacy.add_command(command)


_holds()
