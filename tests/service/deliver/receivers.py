"""Receivers for tests: real servers on this machine, each told what to answer."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = {"allow_private": ["127.0.0.0/8"], "allow_plain": True}


@dataclass
class Request:
    """What a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that answers what it is told: status, headers, body, or what a function makes of a request."""

    answer: Callable[[Request], bytes] | bytes
    wait: float = 0.0
    "seconds before it answers"
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    busy: int = 0
    most: int = 0
    "requests at once, at most"

    @property
    def settings(self) -> dict[str, object]:
        return {"url": f"http://127.0.0.1:{self.port}/hook", **LOOPBACK, "ports": [self.port]}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            request = Request(head[0].split(" ")[1], headers, body)
            self.requests.append(request)
            self.busy += 1
            self.most = max(self.most, self.busy)
            try:
                await asyncio.sleep(self.wait)
                writer.write(self.answer(request) if callable(self.answer) else self.answer)
                await writer.drain()
            finally:
                self.busy -= 1
        writer.close()


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {code} Said", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@contextlib.asynccontextmanager
async def receiver(
    answer: Callable[[Request], bytes] | bytes, *, wait: float = 0.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    made = Receiver(answer, wait)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def in_turn(*answers: bytes) -> Callable[[Request], bytes]:
    """Give one answer after the other, and the last one from then on."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def alertmanager() -> str | None:
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


def free_ports(count: int) -> Sequence[int]:
    import socket

    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [made.getsockname()[1] for made in sockets]
    for made in sockets:
        made.close()
    return ports


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for a name; give the files of it and of its key."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files
