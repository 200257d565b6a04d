"""Split trajectories into steps, shorten them, and find where two of them diverge."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile
from typing import Any

from contexttune.report.page.escape import middle_cut, visible

_MIN_CHARS = 60  # length of a shortened text; below it, whole steps are left out
_STEP_CHARS = 3 * _MIN_CHARS


@dataclass(frozen=True, kw_only=True)
class Step:
    """One answer of the model: text, commands and their output. Trajectories are compared by `action`."""

    said: str
    commands: str
    observed: str
    action: str


def steps_of(messages: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Steps of a conversation; messages before the first answer are the prompt."""
    turns: list[tuple[Mapping[str, Any], list[str]]] = []
    for message in messages:
        if message.get("role") == "assistant":
            turns.append((message, []))
        elif turns:
            turns[-1][1].append(_text(message.get("content")))
    return [_step(answer, observed) for answer, observed in turns]


def prompt_of(messages: Iterable[Mapping[str, Any]]) -> str:
    """The messages before the first answer."""
    sent = takewhile(lambda message: message.get("role") != "assistant", messages)
    return "\n\n".join(_text(message.get("content")) for message in sent)


def shorten(steps: Sequence[Step], n_chars: int, partings: Collection[int] = ()) -> list[list[Any]]:
    """[number, said, commands, observed] of the steps, shortened to about `n_chars` in total.

    The longest texts are cut first, in their middle. If that is not enough, steps are left out, but not the first, the
    last, and the steps numbered in `partings`, at which trajectories diverge.
    """
    kept = list(enumerate(steps, 1))
    if len(kept) * _STEP_CHARS > n_chars and sum(map(_n_chars, steps)) > n_chars:
        numbers = _kept_numbers(len(kept), n_chars // _STEP_CHARS, partings)
        kept = [(number, step) for number, step in kept if number in numbers]
    lengths = [len(text) for _, step in kept for text in _texts(step)]
    level = _level(lengths, n_chars)
    return [[number, *(visible(middle_cut(text, level)) for text in _texts(step))] for number, step in kept]


def _kept_numbers(n_steps: int, n_kept: int, partings: Collection[int]) -> set[int]:
    inner = sorted(number for number in partings if number <= n_steps)[: n_kept // 2]
    ends = n_kept - len(inner)
    head = (ends + 1) // 2
    return {*range(1, head + 1), *range(n_steps - (ends - head) + 1, n_steps + 1), *inner}


def branches(trajectories: Sequence[Sequence[Step]]) -> dict[str, list[int]]:
    """Where any two trajectories diverge, in linear space.

    `order` lists the trajectories sorted by their actions; `shared[i]` is the number of equal first steps of order[i]
    and order[i + 1]. For any two, the number is the minimum between their positions.
    """
    done = [[step.action for step in steps] for steps in trajectories]
    order = sorted(range(len(done)), key=lambda number: done[number])
    shared = [_n_shared(done[a], done[b]) for a, b in pairwise(order)]
    return {"order": order, "shared": shared}


def partings(made: dict[str, list[int]], number: int) -> set[int]:
    """Steps, counted from 1, at which other trajectories of `branches` diverge from trajectory `number`."""
    place, shared = made["order"].index(number), made["shared"]
    found = set()
    for direction in (shared[:place][::-1], shared[place:]):
        found |= {n_shared + 1 for n_shared in accumulate(direction, min)}
    return found


def _n_shared(one: Sequence[str], other: Sequence[str]) -> int:
    equal = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in equal)


def _step(answer: Mapping[str, Any], observed: Sequence[str]) -> Step:
    said = _text(answer.get("content")) or _text(answer.get("refusal"))
    commands = _commands(answer)
    return Step(
        said=said,
        commands="\n".join(command for command in commands if command not in said),
        observed="\n".join(observed),
        action="\n".join(commands) or said,
    )


def _commands(answer: Mapping[str, Any]) -> list[str]:
    """Commands as recorded by mini-swe-agent, or from the tool calls of the answer."""
    actions = (answer.get("extra") or {}).get("actions")
    if actions:
        return [_text(action.get("command") if isinstance(action, dict) else action) for action in actions]
    called = [call.get("function") or {} for call in answer.get("tool_calls") or []]
    return [_arguments(_text(function.get("arguments"))) for function in called]


def _arguments(text: str) -> str:
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    return _text(parsed.get("command", text) if isinstance(parsed, dict) else text)


def _text(content: Any) -> str:
    """Text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_text(part.get("text") if isinstance(part, dict) else part) for part in content)
    return "" if content is None else json.dumps(content)


def _texts(step: Step) -> tuple[str, str, str]:
    return step.said, step.commands, step.observed


def _n_chars(step: Step) -> int:
    return sum(map(len, _texts(step)))


def _level(lengths: Sequence[int], total: int) -> int:
    """The length to which texts must be cut so that their lengths add up to `total`."""
    left = total
    ordered = sorted(lengths)
    for number, length in enumerate(ordered):
        share = left // (len(ordered) - number)
        if length > share:
            return share
        left -= length
    return ordered[-1] if ordered else 0
