"""What may be sent to Asterisk, by whom, and what it can answer: words shared by the listener and those who ask it.

Pure: no socket, no clock, no panoramisk. outbox.py and mirror.py speak to the listener in these words.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from crm.refusals import Refusal

# Asterisk reads a line of an action into 1025 bytes and takes 128 headers; longer ones are cut or refused.
HEADER_AT_MOST = 1000
HEADERS_AT_MOST = 120

Headers = Mapping[str, str]


class Account(Struct, frozen=True):
    """One AMI user and where to find its Asterisk. `whose` names its settings: ami or ami_actor."""

    host: str
    port: int
    username: str
    secret: str
    tls: bool = False
    whose: str = "ami"

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Account({self.username!r} at {self.where})"


class Answer(Struct, frozen=True):
    """Asterisk's response to an action: `message` in its own words."""

    ok: bool
    message: str


class LoginRefused(Refusal):
    """Asterisk knows us not: trying again would not help."""


class NotConnected(Refusal):
    """Nothing was sent: there is no logged-in connection now."""


class Unsendable(Refusal):
    """Nothing was sent: a header would not arrive as it is meant."""


class AnswerLost(Exception):
    """The action left, and no answer came: it may or may not have been carried out."""


def refuse_unsendable(headers: Headers) -> None:
    """Raise Unsendable for headers that would arrive as others: a line end in a value begins a header of its own."""
    if len(headers) > HEADERS_AT_MOST:
        raise Unsendable(f"an action of {len(headers)} headers: Asterisk takes {HEADERS_AT_MOST}")
    for key, value in headers.items():
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in key + value):
            raise Unsendable(f"the value of {key!r:.60} holds a control character: take it out")
        try:
            length = len(f"{key}: {value}".encode())
        except UnicodeEncodeError:
            raise Unsendable(f"the value of {key!r:.60} is no valid text: write it anew") from None
        if length > HEADER_AT_MOST:
            raise Unsendable(f"the value of {key!r:.60} is longer than {HEADER_AT_MOST} bytes: shorten it")


def why_no_connection(fault: OSError) -> str:
    """A failed attempt in words, with the settings that may mend it."""
    if isinstance(fault, TimeoutError):
        return "it did not answer in time: see ami_host and ami_port (--ami-host, --ami-port)"
    if isinstance(fault, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted ({fault.verify_message})"
        return f"{reason}: put its authority's certificate where SSL_CERT_FILE says"
    reason = fault.strerror or str(fault)
    return f"no connection ({reason}): see ami_host, ami_port, ami_tls (--ami-host, --ami-port, --tls), manager.conf"


def why_no_login(account: Account, answer: Answer) -> str:
    """A refused login in words, with the settings that mend it."""
    secret = f"KEFU_{account.whose.upper()}_SECRET"
    return (
        f"Asterisk at {account.where} refused the AMI user {account.username!r} ({answer.message}): "
        f"set {account.whose}_username and {account.whose}_secret ({secret}) as in its manager.conf"
    )


def read_answer(message: Any) -> Answer:
    """panoramisk's message as ours; a hostile answer may repeat a key."""
    said = message.message
    return Answer(bool(message.success), said if isinstance(said, str) else str(said))
