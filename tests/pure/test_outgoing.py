"""A request to somebody else's server by https: the address is the judged one, the certificate the name's."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crm import outgoing
from crm.outgoing import Forbidden, Reach, Unreached, check_url, new_client, post
from crm.rules.outside_addresses import networks

HERE = Reach(private=tuple(networks("127.0.0.0/8")))
ANSWER = b"HTTP/1.1 204 No Content\r\nRetry-After: 7\r\nConnection: close\r\n\r\n"


def certificate(name: str, folder: Path) -> Path:
    """Signed by itself, for one name, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(issuer_name=who, subject_name=who, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form, style = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = folder / f"{name}.pem"
    file.write_bytes(key.private_bytes(form, style, plain) + made.public_bytes(form))
    return file


@asynccontextmanager
async def serving(file: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A TLS server with this certificate; what it heard."""
    heard: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


@pytest.fixture
def named_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every name leads to this machine; which were asked for."""
    asked: list[str] = []

    async def here(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lambda _, host, port, **more: here(host, port, **more))
    return asked


async def test_https_goes_to_the_judged_address_and_believes_the_names_certificate(
    tmp_path: Path, named_here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate("hooks.example", tmp_path)
    monkeypatch.setattr(outgoing, "_trusted", lambda: ssl.create_default_context(cafile=str(file)))
    async with serving(file) as (port, heard), new_client() as client:
        url = f"https://hooks.example:{port}/kefu?x=1"
        answered = await post(client, url, b"{}", {"webhook-id": "1"}, reach=HERE, within_s=5)
        assert (answered.status, answered.retry_after_s) == (204, 7.0)
        assert heard[0].startswith(b"POST /kefu?x=1 HTTP/1.1\r\n")
        assert f"host: hooks.example:{port}".encode() in heard[0].lower()
        with pytest.raises(Unreached, match="was not reached"):  # another name's certificate
            await post(client, url.replace("hooks", "other"), b"{}", {}, reach=HERE, within_s=5)
        with pytest.raises(Forbidden, match="an address inside"):
            await post(client, url, b"{}", {}, reach=Reach(), within_s=5)
        assert len(heard) == 1
    assert set(named_here) == {"hooks.example", "other.example"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://crm.example/", "the address is none"),
        ("https://", "the address is none"),
        ("https://crm.example:99999999/", "the address is none"),
        ("https://客服.example/", "the address is none"),
        ("https://crm.example/\r\nHost: x", "the address is none"),
        ("https://user:secret@crm.example/", "do not belong into addresses"),
        ("https://crm.example/#x", "a part after '#'"),
        ("https://crm.example\\@evil.example/", "do not belong into addresses"),
        ("https://crm.example/a\\b", "a backslash"),
        ("https://evil.example/", "not among webhook_hosts"),
        ("https://crm.example.evil.example/", "not among webhook_hosts"),
    ],
)
def test_targets_that_are_none_are_refused_in_one_sentence(url: str, told: str) -> None:
    with pytest.raises(Forbidden) as refused:
        check_url(url, Reach(hosts=("crm.example",)))
    assert told in str(refused.value)
    assert "secret" not in str(refused.value)
