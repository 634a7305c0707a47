"""Every fault the doctor can name: why it matters to callers and agents, and the command that mends it. Pure.

The codes are stable: alarms and tests rely on them. `{words}` are filled in by the verdict; a mend begins with what to
type or which line to write, never with "please check".
"""

from __future__ import annotations

from msgspec import Struct


class Fault(Struct, frozen=True):
    """`why`: what goes wrong while it lasts. `mend`: the way out."""

    why: str
    mend: str


_RELOAD = "asterisk -rx 'core reload'"
_INSTALL = "kefu init --etc {etc}"

FAULTS: dict[str, Fault] = {
    # ---- ourselves
    "settings-refused": Fault("no service starts with these settings", "edit {file}, then run kefu doctor again"),
    "settings-open": Fault(
        "every user of this machine can read the AMI secrets, and so place calls", "chmod 600 {file}"
    ),
    "foreign-package": Fault(
        "PyPI has other packages with these names; commands fail in strange places",
        "pip uninstall {other}, or install Kefu into a virtual environment of its own",
    ),
    "program-incomplete": Fault(
        "commands of the missing part are not there",
        "pip install --force-reinstall kefu-{version}-py3-none-any.whl, by the path of the wheel you installed from: "
        "PyPI has no Kefu of ours",
    ),
    # ---- memory
    "database-away": Fault(
        "calls still reach people, but no card pops, no page opens, and what happens now is not written",
        "systemctl start postgresql on its machine; its address is database_url in {file} or KEFU_DATABASE_URL",
    ),
    "own-database-away": Fault(
        "calls still reach people, but no card pops, no page opens, and what happens now is not written",
        "kefu up, which runs our own Postgres; or set database_url in {file} to a server of yours",
    ),
    "tables-old": Fault("pages and the bridge ask for tables that are not there", "kefu db upgrade"),
    "tables-newer": Fault(
        "this program does not know what a newer one wrote",
        "pip install --upgrade kefu-*.whl, by the path of the wheel from which the machine that migrated was installed "
        "(kefu --version there tells which): PyPI has no Kefu of ours",
    ),
    # ---- Asterisk and its two accounts
    "ami-away": Fault(
        "without AMI nobody sees calls: no cards, no states, no wallboard",
        "systemctl start asterisk; if it runs, asterisk -rx 'manager show settings' tells its port: set ami_host and "
        "ami_port in {file} to it, and enabled = yes in manager.conf",
    ),
    "ami-stranger": Fault(
        "what answers there is not Asterisk, so no call is ever seen",
        "asterisk -rx 'manager show settings' tells the port: set ami_host and ami_port in {file} to it",
    ),
    "ami-frozen": Fault(
        "Asterisk takes connections but does not answer: calls may hang, too", "systemctl restart asterisk"
    ),
    "asterisk-version": Fault(
        "events and their fields differ; figures could be wrong without a sign", "install Asterisk 16, 18, 20 or 22"
    ),
    "reader-no-secret": Fault("the bridge cannot log in", _INSTALL + ", or set ami_secret in {file}"),
    "reader-refused": Fault(
        "the bridge cannot log in: no cards, no states, no wallboard",
        "set ami_username and ami_secret in {file} to the account in manager.conf, or let "
        + _INSTALL
        + f" write both alike; then {_RELOAD}",
    ),
    "actor-refused": Fault(
        "agents cannot pause, sit down or get up, and nobody is paused for after-call work",
        "set ami_actor_username and ami_actor_secret in {file} to the account in manager.conf, or let "
        + _INSTALL
        + f" write both alike; then {_RELOAD}",
    ),
    "actor-none": Fault(
        "the account that listens may also act: whoever steals its secret places calls",
        _INSTALL + ", or set ami_actor_username and ami_actor_secret in {file}",
    ),
    "reader-too-mighty": Fault(
        "the account that only listens may act: whoever steals its secret may do all this",
        "write = reporting for {account} in manager.conf (" + _INSTALL + f" writes it), then {_RELOAD}",
    ),
    "reader-lacks": Fault(
        "the bridge cannot take stock when it connects, so what it shows may be stale",
        "write = reporting for {account} in manager.conf (" + _INSTALL + f" writes it), then {_RELOAD}",
    ),
    "actor-lacks": Fault(
        "wishes of agents are refused by Asterisk: {lost}",
        "write = agent,call,originate,reporting for {account} in manager.conf ("
        + _INSTALL
        + f" writes it), then {_RELOAD}",
    ),
    "actor-too-mighty": Fault(
        "with these rights an AMI password is a shell on the machine",
        "write = agent,call,originate,reporting for {account} in manager.conf ("
        + _INSTALL
        + f" writes it), then {_RELOAD}",
    ),
    # ---- what Asterisk has loaded
    "module-missing": Fault(
        "{purpose}", "asterisk -rx 'module load {module}.so', and the line load = {module}.so in modules.conf"
    ),
    "modules-unseen": Fault(
        "which modules are there can be told only in part",
        "asterisk -rx 'module load func_module.so', and the line load = func_module.so in modules.conf",
    ),
    "context-missing": Fault(
        "a call that is sent there is cut off",
        _INSTALL + ", then asterisk -rx 'dialplan reload'",
    ),
    "agi-elsewhere": Fault(
        "Asterisk asks another place than the voice menus listen at: callers hear no menu and go to reception",
        "set fastagi_port in {file} and KEFU_AGI in extensions.conf to the same address ("
        + _INSTALL
        + " writes it), then asterisk -rx 'dialplan reload'",
    ),
    "queue-missing": Fault(
        "callers who are sent there fall through to the next ending",
        _INSTALL + ", then asterisk -rx 'queue reload all'",
    ),
    "queue-nowhere": Fault(
        "callers whom a menu or an agent sends there come to reception instead",
        "write [its name](waiting) into {etc}/kefu/site/queues.conf, then asterisk -rx 'queue reload all'",
    ),
    "queue-unreached": Fault(
        "callers whom a menu or an agent sends there come to reception, or to a queue of a similar name",
        "kefu queue name and queues.conf: two or more small letters, digits and _, for the queue and its members",
    ),
    # ---- what the bridge hears
    "events-unheard": Fault(
        "the bridge misses {missed}: calls are seen in part or not at all",
        "read = system,call,agent,user for {account} in manager.conf (" + _INSTALL + f" writes it), then {_RELOAD}",
    ),
    "filter-missing": Fault(
        "Asterisk sends the bridge about three times what it needs; under load it is cut off and misses calls",
        "the eventfilter lines of {account} in manager.conf (" + _INSTALL + f" writes them), then {_RELOAD}",
    ),
    "timestamps-missing": Fault(
        "events carry no time, so waits and talks are measured by our clock and not Asterisk's",
        "timestampevents = yes in manager.conf (" + _INSTALL + f" writes it), then {_RELOAD}",
    ),
    "consult-keys-missing": Fault(
        "an agent who asks a colleague first, by the desk or by keys, is refused",
        "atxfer = *2 in [featuremap] of features.conf (" + _INSTALL + f" writes it), then {_RELOAD}",
    ),
    "ear-test-refused": Fault(
        "what the bridge hears cannot be told", _INSTALL + ", then asterisk -rx 'dialplan reload'"
    ),
    "clock-skew": Fault(
        "waits, service levels and 'live since' are wrong by as much", "timedatectl set-ntp true, on both machines"
    ),
    # ---- the voice menus
    "fastagi-away": Fault(
        "callers hear no menu: each goes straight to reception",
        "kefu up, or kefu ivr serve where each service runs alone",
    ),
    "fastagi-silent": Fault(
        "each caller waits in silence before reception",
        "restart kefu ivr serve (kefu up does so by itself within seconds)",
    ),
    "fastagi-stranger": Fault(
        "something else sits on the port of the voice menus: callers hear no menu",
        "stop what listens on port {port} (ss -ltnp 'sport = :{port}'), or change fastagi_port in {file}",
    ),
    "prompts-unlinked": Fault(
        "callers in that language hear nothing where our prompts belong",
        _INSTALL + " (it links them to where Asterisk looks), then kefu prompts build",
    ),
    "prompt-missing": Fault(
        "callers in that language hear nothing where these prompts belong", "kefu prompts build --to {folder}"
    ),
    # ---- the files for the back-fill
    "queue-log-silent": Fault(
        "what happens while the bridge is away cannot be filled in afterwards",
        "queue_log = yes and queue_log_to_file = yes in logger.conf, then asterisk -rx 'logger reload'",
    ),
    "cel-silent": Fault(
        "what happens while the bridge is away cannot be filled in afterwards",
        "enable = yes in cel.conf and module cel_custom ("
        + _INSTALL
        + " writes it), then asterisk -rx 'module reload cel' and asterisk -rx 'module load cel_custom.so'",
    ),
    "file-closed": Fault(
        "the bridge cannot read what it missed", "usermod -aG {group} {user}, or run kefu as a user who may read {path}"
    ),
    # ---- our services
    "bridge-never": Fault("no call is seen", "kefu up, or kefu bridge run where each service runs alone"),
    "bridge-stale": Fault(
        "cards and states stand still since then", "kefu up, or kefu bridge run where each service runs alone"
    ),
    "bridge-blind": Fault(
        "the bridge runs but does not hear Asterisk: nothing is live",
        "mend the hops asterisk and reader above; it reconnects by itself",
    ),
    "bridge-no-lease": Fault(
        "no bridge may write for this node: what is heard is not kept",
        "restart kefu bridge run on the machine that should watch",
    ),
    "callbacks-late": Fault(
        "customers wait for a call that was promised to them",
        "kefu callback list --list late, then kefu callback why-not of one of them",
    ),
    "callbacks-beyond-seats": Fault(
        "customers who answer find nobody there",
        "kefu callback pause-all --reason 'no seat is kept free', then restart kefu bridge run",
    ),
    "service-silent": Fault("{lost}", "kefu up, or {command} where each service runs alone"),
    "service-ill": Fault("{lost}", "restart {command} (kefu up does so by itself within seconds)"),
    "service-stranger": Fault(
        "{lost}",
        "stop what listens on port {port} (ss -ltnp 'sport = :{port}'), or change the port of {service} in {file}",
    ),
    "service-waiting": Fault("requests are refused for now", "mend what it names; it serves again by itself"),
    # ---- the test call
    "call-refused": Fault("no test call could be placed", "mend what is said; then kefu doctor --call"),
    "call-unseen": Fault(
        "calls reach Asterisk and nobody sees them", "kefu bridge run, and the hops events and bridge above"
    ),
    "call-no-queue": Fault(
        "callers do not come to a queue where an agent could answer", "mend the hops dialplan, menus and queues above"
    ),
    "call-no-seat": Fault(
        "a caller would reach nobody and be asked for a message",
        "sign an agent in and choose a seat, then kefu doctor --call",
    ),
    "call-no-card": Fault(
        "agents answer without knowing who calls", "restart kefu bridge run; then kefu doctor --call"
    ),
    "call-not-painted": Fault(
        "the card was written but no screen showed it",
        "open the desk page as the agent of that seat; then kefu doctor --call",
    ),
    "probe-failed": Fault(
        "the doctor itself stumbled: this hop is not known", "kefu doctor --json, and report what it says"
    ),
}
