"""Files that survive kill -9: atomic replacement, fsynced appends, and locks."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from contexttune.errors import DamagedFile
from contexttune.system.warn_once import WarnOnce

_WARNINGS = WarnOnce(logging.getLogger(__name__))

# raised by network file systems without locks
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def write_atomic(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Replace `path` atomically: a reader sees the old file or the new one, never a part.

    A file that already holds `data` keeps its modification time. Pass durable=False for files that can be rebuilt:
    without fsync they still survive a kill, but a power cut may leave them empty.
    """
    raw = data.encode() if isinstance(data, str) else data
    with suppress(FileNotFoundError):
        if path.read_bytes() == raw:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(raw)
            sink.flush()
            if durable:
                os.fsync(sink.fileno())
        Path(temporary).chmod(0o644)  # not mkstemp's 0600: others may share the disk
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def dump_json(value: Any) -> str:
    """JSON with sorted keys, indented, not escaped to ASCII, with a final newline. Raises ValueError for NaN."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON, atomically."""
    write_atomic(path, dump_json(value))


def read_json(path: Path, kind: type = dict) -> Any:
    """The value in `path`; None if there is no such file. Raises DamagedFile if it is not the JSON of a `kind`."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        found, reason = None, str(error)
    else:
        reason = f"it contains a {type(found).__name__}"
    if not isinstance(found, kind):
        raise DamagedFile(
            f"{path} is damaged ({reason}): restore it, or move it away and repeat the command that wrote it"
        )
    return found


def fingerprint(value: Any, n_chars: int = 8) -> str:
    """A short hash of a JSON value, the same on any machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:n_chars]


def sha256(text: str) -> str:
    """Digest of a text that may contain lone surrogates (bytes that were not UTF-8)."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def is_utf8(text: str) -> bool:
    """Whether a text can be encoded; one with lone surrogates (bytes that were not UTF-8) cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def append_jsonl(path: Path, row: dict[str, Any]) -> None:
    """Append one line and fsync."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as sink:
        sink.write(json.dumps(row, ensure_ascii=True, allow_nan=False).encode() + b"\n")
        sink.flush()
        os.fsync(sink.fileno())


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a file; [] if there is none. A torn last line, left by a killed process, is dropped.

    Raises DamagedFile for any other line that is not JSON.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if line and number < len(lines) - 1:
                raise DamagedFile(
                    f"{path} is damaged in line {number + 1}: move it away, and its content will be computed again"
                ) from None
    return rows


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write `rows` to `path`, one line each, atomically."""
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n" for row in rows))


@contextmanager
def locked(path: Path, timeout_s: float = -1) -> Iterator[None]:
    """Lock the file `path`; the system releases the lock when its holder dies. Raises filelock.Timeout.

    On a file system without locks, a file serves as the lock; it remains if its holder dies on another machine.
    """
    from filelock import FileLock, SoftFileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock: FileLock | SoftFileLock = FileLock(path, timeout=timeout_s)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        marker = path.with_name(f"{path.name}.held")
        message = (
            "%s: %s; locking by the file %s instead: delete it if its holder was killed on another machine"
        )
        _WARNINGS.warn(path, "locked", message, path.parent, error.strerror, marker)
        lock = SoftFileLock(marker, timeout=timeout_s)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
