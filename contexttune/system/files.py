"""Files that survive kill -9: written aside and renamed, appended whole or not at all, locked."""

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
from contexttune.system.warn_once import Complaints

_COMPLAINTS = Complaints(logging.getLogger(__name__))

# how network file systems say that they do not lock
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def write_atomic(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Replace `path` in one step: a reader sees the old file or the new one, never a part.

    A file that holds `data` already is left alone, so that its time says when it last changed. What can be
    made again need not be `durable`: it survives a kill all the same, and a power cut at worst empties it.
    """
    raw = data.encode() if isinstance(data, str) else data
    with suppress(FileNotFoundError):
        if path.read_bytes() == raw:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(raw)
            sink.flush()
            if durable:
                os.fsync(sink.fileno())
        Path(aside).chmod(0o644)  # mkstemp's 0600 would lock out the rest of a group on a shared disk
        Path(aside).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(aside).unlink()
        raise


def dump_json(value: Any) -> str:
    """JSON for people and diffs: sorted keys, indented, UTF-8, a final newline, never NaN."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON."""
    write_atomic(path, dump_json(value))


def read_json(path: Path, kind: type = dict) -> Any:
    """The value in `path`, or None when there is no such file. Raises DamagedFile for anything but a `kind` as JSON."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        found, why = None, str(error)
    else:
        why = f"it holds a {type(found).__name__}"
    if not isinstance(found, kind):
        raise DamagedFile(
            f"{path} is damaged ({why}): restore it, or move it away, and the command that wrote it makes it anew"
        )
    return found


def fingerprint(value: Any, n_chars: int = 8) -> str:
    """A short hash of a JSON value, the same on any machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:n_chars]


def sha256(text: str) -> str:
    """Digest of a text that may hold lone surrogates (bytes that were not UTF-8)."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def is_utf8(text: str) -> bool:
    """Whether a text can be written as it is: one with lone surrogates (bytes that were not UTF-8) cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def append_jsonl(path: Path, row: dict[str, Any]) -> None:
    """Append one line and wait until the disk has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as sink:
        sink.write(json.dumps(row, ensure_ascii=True, allow_nan=False).encode() + b"\n")
        sink.flush()
        os.fsync(sink.fileno())


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a file that a process may have been killed while writing: a torn last line is dropped.

    Raises DamagedFile for any other.
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
                    f"{path} is damaged in line {number + 1}: move it away, and what it held is made again"
                ) from None
    return rows


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace `path` by `rows`, one line each."""
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n" for row in rows))


@contextmanager
def locked(path: Path, timeout_s: float = -1) -> Iterator[None]:
    """Hold `path` as a lock; the system frees it when its holder dies. Raises filelock.Timeout.

    On a file system without such locks a file is the lock: one whose holder died on another machine stays.
    """
    from filelock import FileLock, SoftFileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock: FileLock | SoftFileLock = FileLock(path, timeout=timeout_s)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        held = path.with_name(f"{path.name}.held")
        message = "%s: %s; it is locked by %s, to be deleted if its holder was killed on another machine"
        _COMPLAINTS.make(path, "locked", message, path.parent, error.strerror, held)
        lock = SoftFileLock(held, timeout=timeout_s)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
