"""A disk that is full or away: an outage, whoever notices it."""

from __future__ import annotations

import errno

_OUTAGES = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}


def trouble(error: BaseException) -> str | None:
    """What an error says of the disk, with the remedy; None where it is about something else."""
    if not isinstance(error, OSError) or error.errno not in _OUTAGES:
        return None
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror}{where}: see to the disk of paths.root and of TMPDIR, and the same command continues"
