"""`kefu init` on the configuration that Asterisk's own package ships: does that Asterisk then carry calls for Kefu?

Not the sandbox's configuration: Debian's, with all modules loaded by themselves, and ours taken in by includes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from center import KEFU

from crm.doctor.hops import HOPS
from crm.doctor.rounds import Round, walk
from crm.pbx import ports
from crm.pbx.ami_probe import AmiProbe
from crm.pbx.asterisk_root import Installation
from crm.pbx.render import SiteValues
from crm.pbx.sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)

# Its own ports, no hardware, and nothing that listens where another program may.
NO_LOAD = (
    "chan_iax2",
    "chan_unistim",
    "chan_mobile",
    "chan_console",
    "chan_dahdi",
    "res_hep",
    "res_phoneprov",
    "pbx_dundi",
)
LOOKED_AT = {"asterisk", "reader", "reader rights", "actor", "actor rights", "modules", "dialplan", "queues", "events",
             "version", "clock", "queue_log", "call events"}  # fmt: skip


class PackagedAsterisk(Sandbox):
    """A private Asterisk with its package's own /etc/asterisk, into which `kefu init` was run."""

    def _write_files(self, installation: Installation, block: ports.PortBlock) -> SiteValues:
        super()._write_files(installation, block)
        etc, ours = self.folder / "etc", self.folder / "ours"
        shutil.rmtree(ours, ignore_errors=True)
        etc.rename(ours)
        shutil.copytree(installation.on_host(Path("/etc/asterisk")), etc, symlinks=True)
        shutil.copy(ours / "asterisk.conf", etc / "asterisk.conf")
        _edit(etc / "manager.conf", r"^port = 5038", f"port = {block.ami}")
        _edit(
            etc / "modules.conf",
            r"^autoload=yes",
            "autoload=yes\n" + "\n".join(f"noload = {each}.so" for each in NO_LOAD),
        )
        _edit(etc / "rtp.conf", r"^rtpstart=.*", f"rtpstart={block.rtp[0]}")
        _edit(etc / "rtp.conf", r"^rtpend=.*", f"rtpend={block.rtp[-1]}")
        (etc / "pjsip.conf").write_text(f"[theirs]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{block.sip}\n")
        (etc / "kefu" / "site").mkdir(parents=True)
        (etc / "kefu" / "site" / "globals.conf").write_text("CALLBACK_VIA = @telecom\n")
        ran = self.kefu("init", "--yes")
        assert ran.returncode == 0, ran.stderr
        settings = self.settings()
        return SiteValues(
            reader_secret=str(settings["ami_secret"]),
            actor_secret=str(settings["ami_actor_secret"]),
            ami_port=block.ami,
        )

    def settings(self) -> dict[str, object]:
        """What `kefu init` wrote."""
        return tomllib.loads((self.folder / "kefu.toml").read_text(encoding="utf-8"))

    def kefu(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KEFU, "--config", str(self.folder / "kefu.toml"), *arguments, "--etc", str(self.folder / "etc")],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.search(old, text, re.MULTILINE), f"{file.name} has no {old}"
    file.write_text(re.sub(old, new, text, flags=re.MULTILINE), encoding="utf-8")


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PackagedAsterisk]:
    async with PackagedAsterisk(tmp_path_factory.mktemp("s"), version="22", say=print) as running:
        yield running  # type: ignore[misc]


async def test_the_doctor_finds_all_that_asterisk_must_carry(site: PackagedAsterisk) -> None:
    assert site.settings()["ami_port"] == site.ami_port, "taken over from the site's manager.conf"
    # autoload loads no module twice and none of ours is missing from the package.
    found = await walk(
        [hop for hop in HOPS if hop.name in LOOKED_AT | {"settings"}], Round("kefu.toml", site.settings())
    )
    assert {finding.hop: finding.said for finding in found if finding.state != "ok"} == {}


async def test_the_sites_own_sections_are_as_they_were(site: PackagedAsterisk) -> None:
    assert "demo" in site.cli("dialplan show demo")
    constants = site.cli("dialplan show globals")
    assert "Console/dsp" in constants
    assert "CALLBACK_VIA=@telecom" in constants, "the site's own trunk stands against ours"
    assert "CALLBACK_BY=PJSIP/+" in constants
    assert "theirs" in site.cli("pjsip show transports")
    assert "1001" in site.cli("pjsip show endpoints")


async def test_a_call_from_the_sites_trunk_reaches_the_menus_and_then_reception(site: PackagedAsterisk) -> None:
    """Nobody answers FastAGI here: the dialplan's own way, from the trunk's context to the empty queue's ending."""

    def call() -> list[str]:
        with site.ami(site.actor) as hand, AmiProbe(site.ami_port) as ear:
            ear.login(site.reader.username, site.reader.secret)
            hand.ask(
                {"Action": "Originate", "Channel": "Local/95000@from-trunk/n", "Context": "kefu-doctor",
                 "Exten": "caller", "Priority": "1", "Async": "true"}
            )  # fmt: skip
            told = []
            while "QueueLeft" not in told:
                told.append(ear.read_until("UserEvent")["UserEvent"])
            return told

    told = await asyncio.to_thread(call)
    site.cli("channel request hangup all")
    assert told == ["IvrLeft", "QueueLeft"]


async def test_a_page_can_ask_a_colleague_and_park(site: PackagedAsterisk) -> None:
    """Without our features.conf Asterisk has no key for it, and AMI's Atxfer is refused."""

    def ask() -> str:
        with site.ami(site.actor) as hand, AmiProbe(site.ami_port) as ear:
            ear.login(site.reader.username, site.reader.secret)
            hand.ask(
                {"Action": "Originate", "Channel": "Local/caller@kefu-doctor/n", "Context": "kefu-doctor",
                 "Exten": "caller", "Priority": "1", "Async": "true"}
            )  # fmt: skip
            channel = ear.read_until("Newchannel")["Channel"]
            wish = {"Action": "Atxfer", "Channel": channel, "Context": "kefu-consult", "Exten": "1008"}
            return hand.ask(wish)["Response"]

    answer = await asyncio.to_thread(ask)
    site.cli("channel request hangup all")
    assert answer == "Success"
    parking = site.cli("parking show default")
    assert re.search(r"Comeback Context\s*:\s*park-returned", parking), parking
    assert re.search(r"Parking Time\s*:\s*60", parking), parking


async def test_undo_leaves_an_asterisk_without_us(site: PackagedAsterisk) -> None:
    ran = await asyncio.to_thread(site.kefu, "init", "--undo", "--yes")
    assert ran.returncode == 0, ran.stderr
    site.cli("core reload")
    assert "no existence of 'from-trunk'" in site.cli("dialplan show from-trunk")
    assert "demo" in site.cli("dialplan show demo")
    with AmiProbe(site.ami_port) as ear:
        answer = ear.ask({"Action": "Login", "Username": site.reader.username, "Secret": site.reader.secret})
    assert answer["Response"] == "Error"
