"""A time limit on a whole response. httpx's own time-out is reset by every chunk, so a slow trickle never trips it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import httpx


def total_timeout(limit_s: float) -> Callable[[httpx.Response], None]:
    """An httpx response hook: reading the body raises httpx.ReadTimeout once `limit_s` seconds have passed."""

    def hook(response: httpx.Response) -> None:
        import httpx

        deadline, stream = time.monotonic() + limit_s, cast("httpx.SyncByteStream", response.stream)

        class Timed(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                for chunk in stream:
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout(f"the answer took more than {limit_s:g} s")
                    yield chunk

            def close(self) -> None:
                stream.close()

        response.stream = Timed()

    return hook
