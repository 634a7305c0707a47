"""The folders of a private Asterisk, and its sounds: the packaged ones and our prompts under one tree.

Called by sandbox.py before each start. Links, not copies: prompts made anew are heard at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from crm.pbx.asterisk_root import Installation

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
        own = packaged / "sounds" / language
        seen = installation.on_host(own)
        if seen.is_symlink():  # Debian: en → en_US_f_Allison
            own = own.parent / seen.readlink()
        for sound in installation.on_host(own).glob("*"):
            (folder / sound.name).symlink_to(own / sound.name)
        if prompts is not None:
            ours = prompts / language / "kefu"
            (folder / "kefu").symlink_to(ours if ours.is_dir() else prompts / language)
