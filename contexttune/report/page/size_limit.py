"""Shorten the details of instances until the compressed page fits its size limit."""

from __future__ import annotations

import base64
import zlib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contexttune.report.page.details import Detail, Limit, Row

_WHOLE = 10**9
_SAMPLE = 200  # attempts of either kind, from which the total size is estimated
_SHARE = 0.97  # share of the room that an estimate may fill
_STEPS = [
    Limit(trajectory=trajectory, text=text)
    for trajectory, text in (
        *((_WHOLE, _WHOLE), (64_000, 32_000), (32_000, 16_000), (16_000, 8_000), (8_000, 6_000)),
        *((6_000, 5_000), (4_000, 4_000), (3_000, 3_000), (2_000, 2_500), (1_500, 2_000), (1_000, 1_500)),
    )
]
_USEFUL = 5  # number of _STEPS; shorter trajectories are hard to follow
_NONE = [Limit(trajectory=0, text=n) for n in (1_500, 800, 300, 0)]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits for instances that the arms resolve equally often (concordant), and for the others."""

    concordant: Limit
    discordant: Limit

    def of(self, *, is_discordant: bool) -> Limit:
        return self.discordant if is_discordant else self.concordant


# from complete to empty; discordant instances, which matter most, are shortened last
LADDER = [
    *(Limits(concordant=step, discordant=_STEPS[0]) for step in _STEPS),
    *(Limits(concordant=_STEPS[-1], discordant=step) for step in _STEPS[1:_USEFUL]),
    *(Limits(concordant=step, discordant=_STEPS[_USEFUL - 1]) for step in _NONE[:2]),
    *(Limits(concordant=_NONE[1], discordant=step) for step in _STEPS[_USEFUL:]),
    *(Limits(concordant=step, discordant=step) for step in _NONE[1:]),
]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One compressed block per instance, in the given order, and the limits applied."""

    blocks: Sequence[str]
    limits: Limits
    fits: bool


def fit(
    instances: Mapping[str, Sequence[Row]],
    discordant: Mapping[str, bool],
    read: Callable[[Sequence[Row]], Detail],
    room_bytes: int,
) -> Fitted:
    """Apply the most generous limits of LADDER with which all blocks fit into `room_bytes`; the last ones if none do.

    A sample of the instances determines the first limits to try.
    """
    for limits in LADDER[_first(instances, discordant, read, room_bytes) :]:
        blocks = [
            pack(read(rows).within(limits.of(is_discordant=discordant[name])))
            for name, rows in instances.items()
        ]
        fitted = Fitted(blocks=blocks, limits=limits, fits=_size(blocks) <= room_bytes)
        if fitted.fits:
            break
    return fitted


def pack(value: Any) -> str:
    """JSON -> zlib -> base64, for `DecompressionStream("deflate")` in the browser."""
    import orjson

    return base64.b64encode(zlib.compress(orjson.dumps(value), 6)).decode()


def _size(blocks: Sequence[str]) -> int:
    return sum(len(packed) + 1 for packed in blocks)


def _first(
    instances: Mapping[str, Sequence[Row]],
    discordant: Mapping[str, bool],
    read: Callable[[Sequence[Row]], Detail],
    room_bytes: int,
) -> int:
    """Index in LADDER to begin with, by bisection over decreasing sizes."""
    samples: list[tuple[bool, float, Detail]] = []  # (is_discordant, weight, instance)
    for is_discordant in (True, False):
        kind = [name for name in instances if discordant[name] is is_discordant]
        n_wanted = max(4, _SAMPLE // max((len(instances[name]) for name in kind), default=1))
        chosen = kind[:: max(1, -(-len(kind) // n_wanted))]
        samples += [(is_discordant, len(kind) / len(chosen), read(instances[name])) for name in chosen]

    def seems_to_fit(limits: Limits) -> bool:
        left = room_bytes * _SHARE
        for is_discordant, weight, detail in samples:
            left -= weight * _size([pack(detail.within(limits.of(is_discordant=is_discordant)))])
            if left < 0:
                return False
        return True

    return bisect_left(range(len(LADDER) - 1), True, key=lambda at: seems_to_fit(LADDER[at]))
