"""What an existing Asterisk's own configuration says against ours, where Kefu would not work as it should.

For `kefu init`, which leaves these lines as they are and names them. Reads files, writes none.
"""

from __future__ import annotations

from pathlib import Path

from crm.pbx import site_conf
from crm.pbx.install import FOLDER, KEPT_LINES
from crm.pbx.render import source_folder

_MUST_AGREE: dict[str, tuple[str, frozenset[str]]] = {
    "queues": ("general", KEPT_LINES["queues"]),
    "features": ("general", KEPT_LINES["features"]),
    "res_parking": ("default", frozenset({"parkext", "context", "comebacktoorigin", "comebackcontext"})),
}


def conflicts(etc: Path) -> list[str]:
    """Lines of the site that stay in force against ours, each with what to change: of two Asterisk takes the first."""
    found = []
    source = source_folder()
    for part, (section, names) in _MUST_AGREE.items():
        file = etc / f"{part}.conf"
        for name in sorted(names) if (etc / FOLDER / file.name).is_file() else ():
            ours = site_conf.value(source, source / file.name, section, name) or ""
            theirs = site_conf.value(etc, file, section, name, leave_out=etc / FOLDER)
            if ours and theirs is not None and theirs.lower() != ours.lower():
                found.append(f"{file}: set {name} = {ours} in [{section}], it is {theirs}")
    return found
