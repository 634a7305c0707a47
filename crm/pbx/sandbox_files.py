"""The folders of a private Asterisk, and its sounds: the packaged ones and our prompts under one tree.

Called by sandbox.py before each start. Links, not copies: prompts made anew are heard at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from crm.pbx.asterisk_root import Installation
from crm.pbx.ports import PortBlock

FOLDERS = (
    "etc", "data", "var", "spool", "spool/outgoing", "spool/tmp", "spool/kefu-voicemail", "run",
    "log", "log/cel-custom",
)  # fmt: skip
LANGUAGES = ("en", "zh")


def make_folders(folder: Path) -> None:
    """Make the folders; a control socket that a killed Asterisk left is removed, files of the last run's calls too."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for left in (*folder.glob("run/*"), *folder.glob("spool/outgoing/*")):
        left.unlink()


def lay_out_data(data: Path, installation: Installation, prompts: Path | None) -> None:
    """Fill Asterisk's data folder: documentation, packaged sounds by language, and `kefu/…` out of `prompts`."""
    shutil.rmtree(data, ignore_errors=True)
    packaged = installation.data_folder
    (data / "sounds").mkdir(parents=True)
    (data / "documentation").symlink_to(packaged / "documentation")
    for language in LANGUAGES:
        folder = data / "sounds" / language
        folder.mkdir()
        own = _followed(packaged / "sounds" / language, installation)
        for sound in installation.on_host(own).glob("*"):
            (folder / sound.name).symlink_to(own / sound.name)
        if prompts is not None:
            ours = prompts / language / "kefu"
            (folder / "kefu").symlink_to(ours if ours.is_dir() else prompts / language)


def _followed(path: Path, installation: Installation) -> Path:
    """Where a chain of links leads inside the root; Debian's en goes by way of /etc/alternatives."""
    while (seen := installation.on_host(path)).is_symlink():
        path = path.parent / seen.readlink()
    return path


def own_values(folder: Path, installation: Installation, block: PortBlock, agi_port: int) -> dict[str, object]:
    """What a sandbox changes in asterisk-conf: its folders and ports, and loopback for every address."""
    cdrel_custom = "load = res_cdrel_custom.so"
    if not installation.has_module("res_cdrel_custom"):
        cdrel_custom = "; this Asterisk writes CEL without res_cdrel_custom"
    return {
        "ami_port": block.ami,
        "http_port": block.http,
        "agi_url": f"agi://127.0.0.1:{agi_port}",
        "sip_address": "127.0.0.1",
        "sip_port": block.sip,
        # Explicit, because Asterisk else asks a name service for its own address at each call.
        "media_address": "media_address = 127.0.0.1",
        "bind_media": "yes",
        "rtp_first_port": block.rtp[0],
        "rtp_last_port": block.rtp[-1],
        "seat_qualify_s": 0,
        "etc_folder": str(folder / "etc"),
        "modules_folder": str(installation.modules_folder),
        "data_folder": str(folder / "data"),
        "var_folder": str(folder / "var"),
        "spool_folder": str(folder / "spool"),
        "run_folder": str(folder / "run"),
        "log_folder": str(folder / "log"),
        "moh_folder": str(folder / "etc" / "moh"),
        "pbx_spool": "load = pbx_spool.so",
        "cdrel_custom": cdrel_custom,
    }
