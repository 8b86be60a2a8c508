"""Sound of a call <-> encrypted file. A recording lies beside the database, and goes with its call.

Each file has a key of its own, drawn at random and sealed with one that is derived from the service's secret, and holds
chunks of AES-256-GCM. A chunk opens only at its place in its file, and the last one says that it is the last: what was
reordered, mixed or cut off is found out (the STREAM construction of Hoang et al., CRYPTO 2015). A writer that died
leaves whole chunks, which can be read. No name on the disk says whose a file is: tenant, call and track are hashes.

    magic 8 | length 4 | sealed key | (length 4 | chunk)*        lengths big-endian; the first chunk is JSON: what it is
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

from affekt.errors import DataError
from affekt.registry import need
from affekt.service.seal import derive, seal, unseal

_MAGIC = b"AFVAULT1"
_KEY = 32  # bytes
_CHUNK = 64 * 1024  # bytes of sound per chunk: 2 s at 16 kHz
_LONGEST = 1 << 20  # bytes of a chunk; a file that says more is damaged
_LAST = 1 << 63  # added to the last chunk's number


class Vault:
    """A folder of recordings.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> vault = Vault(Path(folder.name), bytes(32))
    >>> with vault.recorder("default", "call-1", "stream-1/caller", about={"rate": 8000}) as recorder:
    ...     recorder.write(b"sound")
    >>> [(about["rate"], whole, b"".join(vault.read(path))) for path, about, whole in vault.list("default", "call-1")]
    [(8000, True, b'sound')]
    >>> vault.erase("default", "call-1"), list(vault.list("default", "call-1"))
    (1, [])
    >>> folder.cleanup()
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        self.folder = folder
        self._wrap = derive(secret, "vault")
        self._names = derive(secret, "vault names")

    def recorder(self, tenant: str, call: str, track: str, *, about: Mapping[str, Any] | None = None) -> Recorder:
        """Begin a recording of one track of one stream; `track` names both, and `about` is kept, encrypted, with it.

        Whoever calls this knows that the tenant records and that the customer has agreed; the vault cannot.

        Raises:
            DataError: there is one of this name already: a recording is never written over.
        """
        path = self._of(tenant, call) / f"{self._name(track)}.afv"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Recorder(path, self._wrap, {"track": track, **(about or {})})

    def list(self, tenant: str, call: str) -> Iterator[tuple[Path, dict[str, Any], bool]]:
        """Give the recordings of a call: file, what is known of it, and whether its end is there."""
        for path in sorted(self._of(tenant, call).glob("*.afv")):
            chunks = self._chunks(path)
            about, _ = next(chunks, (b"{}", False))
            ends = [last for _, last in chunks]
            yield path, orjson.loads(about), bool(ends and ends[-1])

    def read(self, path: Path) -> Iterator[bytes]:
        """Give the sound of a recording, piece by piece.

        Raises:
            DataError: it was altered, or sealed with another secret. Where the end is missing, all before it is given.
        """
        chunks = self._chunks(path)
        next(chunks, None)  # what it is
        for piece, _ in chunks:
            yield piece

    def erase(self, tenant: str, call: str) -> int:
        """Erase the recordings of a call and return how many there were.

        The key in each file is overwritten before the file goes: what a disk keeps of it, nothing opens.
        """
        folder = self._of(tenant, call)
        paths = sorted(folder.glob("*.afv"))
        for path in paths:
            _forget(path)
        if folder.exists():
            shutil.rmtree(folder)
        return len(paths)

    def _of(self, tenant: str, call: str) -> Path:
        return self.folder / self._name(tenant) / self._name(f"{tenant}/{call}")

    def _name(self, plain: str) -> str:
        return hmac.new(self._names, plain.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]

    def _chunks(self, path: Path) -> Iterator[tuple[bytes, bool]]:
        """Give what is in each whole chunk, and whether it is the last one."""
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise DataError(f"{path} is no recording of this vault")
            cipher = _Cipher(unseal(self._wrap, _piece(file) or b"", to=f"vault/{path.stem}"))
            number = 0
            while (sealed := _piece(file)) is not None:
                yield cipher.open(sealed, number, path)
                number += 1


class Recorder:
    """A recording that is being written. What is not a whole chunk yet is lost with the process: 2 s at 16 kHz."""

    def __init__(self, path: Path, wrap: bytes, about: Mapping[str, Any]) -> None:
        key = os.urandom(_KEY)
        self.path = path
        self._cipher = _Cipher(key)
        self._waiting = bytearray()
        self._number = 0
        try:
            self._file: BinaryIO | None = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except FileExistsError as error:
            raise DataError(f"{path} is there already: each stream records each of its tracks once") from error
        self._file.write(_MAGIC)
        self._put(seal(wrap, key, to=f"vault/{path.stem}"))
        self._chunk(orjson.dumps(dict(about)))

    def write(self, sound: bytes | memoryview) -> None:
        """Add sound."""
        self._waiting += sound
        while len(self._waiting) > _CHUNK:
            self._chunk(bytes(self._waiting[:_CHUNK]))
            del self._waiting[:_CHUNK]

    def close(self) -> None:
        """Write what waits, as the last chunk, and bring all to the disk; a second time does nothing."""
        if self._file is not None:
            self._chunk(bytes(self._waiting), last=True)
            self._waiting.clear()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _chunk(self, plain: bytes, *, last: bool = False) -> None:
        self._put(self._cipher.close(plain, self._number, last=last))
        self._number += 1

    def _put(self, piece: bytes) -> None:
        if self._file is None:
            raise DataError(f"{self.path} is closed: nothing can be added")
        self._file.write(struct.pack(">I", len(piece)) + piece)
        self._file.flush()


class _Cipher:
    """The chunks of one file: the number of each is its nonce, which is safe as no other file has this key."""

    def __init__(self, key: bytes) -> None:
        self._gcm = need("cryptography.hazmat.primitives.ciphers.aead", extra="serve").AESGCM(key)
        self._invalid = need("cryptography.exceptions", extra="serve").InvalidTag

    def close(self, plain: bytes, number: int, *, last: bool) -> bytes:
        sealed: bytes = self._gcm.encrypt(_nonce(number, last=last), plain, None)
        return sealed

    def open(self, sealed: bytes, number: int, path: Path) -> tuple[bytes, bool]:
        for last in (False, True):
            try:
                return self._gcm.decrypt(_nonce(number, last=last), sealed, None), last
            except self._invalid:
                continue
        raise DataError(f"{path} was altered: its chunk {number} does not open")


def _nonce(number: int, *, last: bool) -> bytes:
    return struct.pack(">4xQ", number + (_LAST if last else 0))


def _piece(file: BinaryIO) -> bytes | None:
    """The next piece that is whole; None at the end, and where a writer died."""
    head = file.read(4)
    if len(head) < 4:
        return None
    size = struct.unpack(">I", head)[0]
    if size > _LONGEST:
        raise DataError(f"{file.name} is damaged: a chunk of {size} bytes is none of this vault")
    piece = file.read(size)
    return piece if len(piece) == size else None


def _forget(path: Path) -> None:
    """Overwrite the sealed key of a file, on the disk."""
    with path.open("r+b") as file:
        head = file.read(len(_MAGIC) + 4)
        if len(head) == len(_MAGIC) + 4:
            size = min(struct.unpack(">I", head[-4:])[0], _LONGEST)
            file.seek(len(head))
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
    path.unlink()
