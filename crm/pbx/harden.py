"""The two AMI accounts with the least rights their work needs: written out, and tried on a running Asterisk.

`manager_conf` is manager.conf with new secrets, over the network only with TLS. `probe` tries every known action with
both accounts, on things that do not exist, and compares with what is expected. Called by `kefu pbx harden`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from crm.pbx.ami_actions import ACTIONS, NOBODY, SHELLS, Action
from crm.pbx.ami_probe import AmiProbe
from crm.pbx.lint_accounts import RIGHTS
from crm.pbx.render import SiteValues, filled
from crm.refusals import Refusal
from crm.settings import Settings

DENIED = "Permission denied"
_UNKNOWN = "Invalid/unknown command"


class CannotHarden(Refusal):
    """A value does not fit, or an account is not set."""


class Tls(Struct, frozen=True):
    """AMI over the network. `address`: where Asterisk listens; `permit`: whence the bridge comes (CIDR)."""

    certificate: str
    address: str = "0.0.0.0:5039"
    permit: str = "127.0.0.1/32"


class Tried(Struct, frozen=True):
    """One action of one account. `expected` and `found`: allowed, denied, or absent (this Asterisk has no such action).

    `how`: sent (an answer was read) or listed (by what ListCommands shows)."""

    account: str
    action: str
    needs: str
    expected: str
    found: str
    how: str

    @property
    def differs(self) -> bool:
        return self.found not in (self.expected, "absent")


def manager_conf(values: SiteValues | None = None, tls: Tls | None = None) -> str:
    """manager.conf for reader and actor. values: default are a site's with new secrets."""
    text = filled("manager.conf", values or SiteValues())
    if tls is None:
        return text
    for value in (tls.certificate, tls.address):
        if not re.fullmatch(r"[^\s;\[\]]+", value):
            raise CannotHarden(f"{value!r} cannot stand in manager.conf: it may hold no blank, ';' or bracket")
    try:
        network = ipaddress.ip_network(tls.permit, strict=False)
    except ValueError:
        raise CannotHarden(f"{tls.permit!r} is no network: write an address such as 10.0.0.7/32") from None
    general = (
        "; Over the network by TLS alone: the plain port above stays on loopback.\n"
        f"tlsenable = yes\ntlsbindaddr = {tls.address}\ntlscertfile = {tls.certificate}\n"
    )
    text = text.replace("allowmultiplelogin = yes\n", f"{general}allowmultiplelogin = yes\n", 1)
    permit = f"permit = {network.network_address}/{network.netmask}\n"
    loopback = "permit = 127.0.0.1/255.255.255.255\n"
    return text if permit == loopback else text.replace(loopback, loopback + permit, 1)


def probe(settings: Settings) -> list[Tried]:
    """Try every action with the accounts of the settings. Raises AmiRefused, OSError and CannotHarden."""
    reader = (settings.ami_username, settings.ami_secret, "kefu_reader")
    actor = (settings.ami_actor_username, settings.ami_actor_secret, "kefu_actor")
    found: list[Tried] = []
    for username, secret, role in (reader, actor):
        if username is None or secret is None:
            raise CannotHarden(
                "two accounts are needed: set ami_username, ami_secret, ami_actor_username and ami_actor_secret"
            )
        with AmiProbe(settings.ami_port, host=settings.ami_host, tls=settings.ami_tls) as session:
            session.login(username, secret.get_secret_value())
            found += _try(session, username, frozenset(RIGHTS[role]["write"]))
    return found


def _try(session: AmiProbe, account: str, rights: frozenset[str]) -> Iterator[Tried]:
    listed = {name.lower() for name in session.ask({"Action": "ListCommands"})}
    for action in ACTIONS:
        expected = "allowed" if not action.needs or action.needs & rights else "denied"
        if action.headers is None:
            found, how = ("allowed" if action.name.lower() in listed else "denied"), "listed"
        else:
            found, how = _answer(session, action), "sent"
        yield Tried(account, action.name, ",".join(sorted(action.needs)) or "nothing", expected, found, how)
    if "originate" in rights:
        for application in SHELLS:
            yield Tried(account, f"Originate {application}", "system", "denied", _shell(session, application), "sent")


def _answer(session: AmiProbe, action: Action) -> str:
    said = session.ask({"Action": action.name, **(action.headers or {})}).get("Message", "")
    if said == DENIED:
        return "denied"
    return "absent" if said.startswith(_UNKNOWN) else "allowed"


def _shell(session: AmiProbe, application: str) -> str:
    """A call that reaches nobody, to an application that would start a program."""
    headers = {"Channel": NOBODY, "Application": application, "Data": "/bin/true", "Timeout": "100"}
    said = session.ask({"Action": "Originate", **headers}).get("Message", "")
    return "denied" if "Forbidden" in said or said == DENIED else "allowed"


def differences(tried: Iterable[Tried]) -> list[Tried]:
    """What is otherwise than expected."""
    return [each for each in tried if each.differs]
