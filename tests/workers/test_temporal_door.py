"""Entering a cluster as Temporal Cloud wants it: by TLS with a certificate of ours, or with an API key."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from records.vault import Vault
from workers.settings import BadSetting, Settings
from workers.temporal import Door, TemporalServer, connect, free_port

VAULT = Vault(bytes(range(32)))


def certificates(folder: Path) -> None:
    """An authority, and certificates of a server and of a client, as PEM files."""
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())

    def name(word: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, word)])

    for word in ("authority", "server", "client"):
        is_authority = word == "authority"
        key = authority_key if is_authority else ec.generate_private_key(ec.SECP256R1())
        local = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = (
            x509.CertificateBuilder()
            .subject_name(name(word))
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(local, critical=False)
            .sign(authority_key, SHA256())
        )
        (folder / f"{word}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        (folder / f"{word}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@asynccontextmanager
async def guarded(folder: Path, address: str) -> AsyncIterator[str]:
    """A door before the server at ``address`` that only lets in who shows a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, port = address.split(":")

    async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while block := await source.read(65536):
                to.write(block)
                await to.drain()
        to.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def settings(folder: Path, address: str, **more: str) -> Settings:
    authority = {"CAIRN_TEMPORAL_TLS_CA": str(folder / "authority.pem")}
    return Settings.read({"CAIRN_HOME": str(folder), "CAIRN_TEMPORAL_ADDRESS": address, **authority, **more})


async def test_a_cluster_that_wants_a_certificate_lets_us_in_with_ours_and_not_without(tmp_path: Path) -> None:
    certificates(tmp_path)
    ours = {
        "CAIRN_TEMPORAL_TLS_CERT": str(tmp_path / "client.pem"),
        "CAIRN_TEMPORAL_TLS_KEY": str(tmp_path / "client.key"),
    }
    server = await TemporalServer.start(None, free_port(), log=tmp_path / "log", hurried=True)
    try:
        async with guarded(tmp_path, server.address) as address:
            client = await connect(address, "default", VAULT, door=Door.of(settings(tmp_path, address, **ours)))
            assert await client.service_client.check_health()
            with pytest.raises(RuntimeError):
                await asyncio.wait_for(connect(address, "default", VAULT, door=Door.of(settings(tmp_path, address))), 20)
    finally:
        await server.stop()


async def test_an_api_key_goes_by_tls_and_is_not_shown(tmp_path: Path) -> None:
    read = Settings.read({"CAIRN_TEMPORAL_ADDRESS": "cairn.acct.tmprl.cloud:7233", "CAIRN_TEMPORAL_API_KEY": "very-secret"})
    door = Door.of(read)
    assert (door.tls, door.api_key) == (True, "very-secret")
    assert "very-secret" not in repr(door) + repr(read)
    client = await connect(read.temporal_address, "cairn.acct", VAULT, lazy=True, door=door)
    assert client.service_client.config.api_key == "very-secret"
    assert client.service_client.config.tls is True


def test_a_certificate_that_cannot_be_read_is_said_by_its_setting(tmp_path: Path) -> None:
    certificates(tmp_path)
    read = settings(tmp_path, "temporal:7233")
    (tmp_path / "authority.pem").unlink()
    with pytest.raises(BadSetting, match="CAIRN_TEMPORAL_TLS_CA"):
        Door.of(read)
