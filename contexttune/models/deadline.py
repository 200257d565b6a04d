"""A limit on a whole answer. The client's own time-out is one of silence, and a blank a minute is no silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import httpx


def ends_within(limit_s: float) -> Callable[[httpx.Response], None]:
    """A hook for responses of httpx: reading one raises httpx.ReadTimeout when it is not at its end in time."""

    def hook(response: httpx.Response) -> None:
        import httpx

        ends, stream = time.monotonic() + limit_s, cast("httpx.SyncByteStream", response.stream)

        class Timed(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                for chunk in stream:
                    if time.monotonic() > ends:
                        raise httpx.ReadTimeout(f"the answer took more than {limit_s:g} s")
                    yield chunk

            def close(self) -> None:
                stream.close()

        response.stream = Timed()

    return hook
