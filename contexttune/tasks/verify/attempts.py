"""Attempts against what was predicted, graded, told and paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from contexttune.config.build import target_class
from contexttune.errors import ArtifactError
from contexttune.experiment.finished_work import is_final
from contexttune.injection import block
from contexttune.interfaces import Harness
from contexttune.models.journal import CALLS, paid
from contexttune.models.prices import Price, cost_usd, price_of
from contexttune.system.files import read_json, sha256
from contexttune.tasks.check import State
from contexttune.tasks.verify.group_files import Record, Records
from contexttune.types import Outcome, Usage

_NO_BLOCK = sha256("")
_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_SAME_USD = 1e-9  # sums of floats differ in their last digits


def predictions(records: Records) -> Iterator[tuple[State, str]]:
    """preds.jsonl has a line for each measured attempt, with its patch, and no other."""
    n = 0
    for run in records.runs:
        found = records.predictions(run)
        for home, attempt in records.attempts(run):
            if sha256(attempt["model_patch"]) != attempt["patch_sha256"]:
                raise ArtifactError(f"{home}: attempt.json has another patch than its digest says")
            line = found.pop(attempt["instance_id"], None)
            if (line is not None) != is_final(attempt):
                what = "is not in" if line is None else "had an outage and is in"
                raise ArtifactError(f"{home}: the attempt {what} preds.jsonl")
            if line and line["model_patch"] != attempt["model_patch"]:
                raise ArtifactError(f"{home}: preds.jsonl has another patch than attempt.json")
            n += line is not None
        if found:
            raise ArtifactError(f"run {run['run_id']}: preds.jsonl has {min(found)}, which was not attempted")
    yield State.OK, f"{n} patches are those of the attempts"


def verdicts(records: Records) -> Iterator[tuple[State, str]]:
    """Each is on the predicted patch, and what the harness's own files say when they are read again."""
    n: Counter[str] = Counter()
    for run in records.runs:
        patches = {name: line["model_patch"] for name, line in records.predictions(run).items()}
        again = _judged(run["manifest"]["config"]["harness"], records.home(run) / "harness", patches)
        known: Mapping[str, Record] = read_json(records.home(run) / "outcomes.json") or {}
        for name, patch in patches.items():
            verdict = known.get(name)
            if verdict is None or not Outcome(verdict["outcome"]).is_verdict:
                continue
            what = f"run {run['run_id']}: {name} was {verdict['outcome']}"
            if verdict["patch_sha256"] != sha256(patch):
                raise ArtifactError(f"{what}, and that is on another patch")
            is_empty = not patch.strip()
            if is_empty != (verdict["outcome"] == Outcome.EMPTY_PATCH):
                raise ArtifactError(f"{what}, and its patch is {'' if is_empty else 'not '}empty")
            if again.get(name, verdict["outcome"]) != verdict["outcome"]:
                raise ArtifactError(f"{what}, and the harness's files say {again[name]}")
            n["empty" if is_empty else "again" if name in again else "untold"] += 1
    yield State.OK, f"{n['again']} read again from the harness's files: the same; {n['empty']} empty patches"
    if n["untold"]:
        yield (
            State.WARNING,
            f"{n['untold']} of which no file of the harness tells any more: they are as the run wrote them down",
        )


def _judged(harness: Record, home: Path, patches: Mapping[str, str]) -> Mapping[str, Outcome]:
    """What the harness of a record reads again; nothing of one that is not ours, for a record may name any module."""
    if not str(harness["_target_"]).startswith("contexttune.harness."):
        return {}
    filled = {name: patch for name, patch in patches.items() if patch.strip()}
    kind = target_class(harness, "harness")
    return kind.judged(home, filled) if issubclass(kind, Harness) else {}


def contexts(records: Records) -> Iterator[tuple[State, str]]:
    """What each attempt was told is a context of its commit, as it lies on disk."""
    n: Counter[str] = Counter()
    here = cache(_blocks)
    for run in records.runs:
        homes = records.contexts(run)
        for _, attempt in records.attempts(run):
            digest, home = attempt["block_sha256"], homes.get(attempt["instance_id"])
            known = home is not None and digest in here(home)
            n["none" if digest == _NO_BLOCK else "here" if known else "gone"] += 1
    yield State.OK, f"{n['here']} attempts were told what lies under artifacts/contexts, {n['none']} nothing"
    if n["gone"]:
        yield (
            State.WARNING,
            f"{n['gone']} attempts were told what is not there any more: contexts were moved, or built anew by other code",
        )


def _blocks(home: Path) -> set[str]:
    """Digests of the blocks of all contexts of a commit."""
    saved = (read_json(path) for path in home.rglob("*.json"))
    return {sha256(block(one["text"])) for one in saved if isinstance(one, dict) and "context_id" in one}


def accounts(records: Records) -> Iterator[tuple[State, str]]:
    """Calls and tokens of attempts are those of their journals, costs are these tokens' price."""
    n: Counter[str] = Counter()
    for run in records.runs:
        config = run["manifest"]["config"]
        price = price_of(config["model"], config["prices"])
        for home, attempt in records.attempts(run):
            if not run.get("replay"):  # whose calls were paid by another run
                n[_held(home, attempt)] += 1
            n["priced otherwise"] += _is_priced_otherwise(attempt, price)
    yield State.OK, f"{n['same']} journals have what their attempts count"
    if n["more"]:
        yield (
            State.WARNING,
            f"{n['more']} journals have more: calls that a killed process paid, and nothing counts",
        )
    if n_otherwise := n["priced otherwise"]:
        yield State.WARNING, f"{n_otherwise} attempts have another cost than their tokens at the run's price"


def _is_priced_otherwise(attempt: Record, price: Price | None) -> bool:
    """A price may be changed between two sessions of a run, and is then that of the later one."""
    usage = Usage(**{key: attempt[key] for key in _USAGE})
    cost, stated = cost_usd(price, usage, n_calls=attempt["n_calls"]), attempt.get("cost_usd")
    return cost is not None and stated is not None and abs(stated - cost) > _SAME_USD


def _held(home: Path, attempt: Record) -> str:
    """One of "same", "more", "none". Raises ArtifactError when a journal lacks what the record and `earlier` count."""
    journal = paid(home / CALLS)
    if journal is None:
        return "none"
    earlier, more = attempt.get("earlier") or {}, False
    of_journal = {
        "n_calls": journal.n_calls,
        "prompt_tokens": journal.usage.prompt_tokens,
        "completion_tokens": journal.usage.completion_tokens,
    }
    for key, value in of_journal.items():
        counted = (attempt[key] or 0) + (earlier.get(key) or 0)
        if counted > (value or 0):
            raise ArtifactError(f"{home}: calls.jsonl has {key} {value}, and attempt.json counts {counted}")
        more |= counted < (value or 0)
    return "more" if more else "same"


def leaks(records: Records) -> Iterator[tuple[State, str]]:
    """Contexts that gave the answer away, by the records of runs that went on all the same."""
    for run in records.runs:
        if found := read_json(records.layout.leaks(records.group_id, run["run_id"])):
            yield (
                State.WARNING,
                f"run {run['run_id']}: {len(found)} contexts give the answer away, see its leaks.json",
            )


def runs(records: Records) -> Iterator[tuple[State, str]]:
    """Runs that may still change."""
    n_open = sum(run["status"] != "finished" for run in records.runs)
    n_results = sum(len(run["instances"]) for run in records.runs)
    yield State.OK, f"{len(records.runs)} runs, {n_results} results"
    if n_open:
        yield State.WARNING, f"{n_open} are not finished: the same command continues them"
