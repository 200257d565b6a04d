"""Checks of attempts against predictions, verdicts, contexts and call journals."""

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
from contexttune.tasks.check import Warn
from contexttune.tasks.verify.group_files import Record, Records
from contexttune.types import Outcome, Usage

_NO_BLOCK = sha256("")
_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_SAME_USD = 1e-9  # sums of floats differ in their last digits


def predictions(records: Records) -> Iterator[str]:
    """preds.jsonl has exactly one line for each measured attempt, with its patch."""
    n = 0
    for run in records.runs:
        found = records.predictions(run)
        for home, attempt in records.attempts(run):
            if sha256(attempt["model_patch"]) != attempt["patch_sha256"]:
                raise ArtifactError(f"{home}: the patch in attempt.json does not match its digest")
            line = found.pop(attempt["instance_id"], None)
            if (line is not None) != is_final(attempt):
                problem = "is missing from" if line is None else "ended in an outage, but is in"
                raise ArtifactError(f"{home}: the attempt {problem} preds.jsonl")
            if line and line["model_patch"] != attempt["model_patch"]:
                raise ArtifactError(f"{home}: preds.jsonl and attempt.json have different patches")
            n += line is not None
        if found:
            raise ArtifactError(f"run {run['run_id']}: preds.jsonl has {min(found)}, which has no attempt")
    yield f"{n} predicted patches match their attempts"


def verdicts(records: Records) -> Iterator[str]:
    """Each verdict is on the predicted patch and matches the harness's own files."""
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
                raise ArtifactError(f"{what}, but for a different patch")
            is_empty = not patch.strip()
            if is_empty != (verdict["outcome"] == Outcome.EMPTY_PATCH):
                raise ArtifactError(f"{what}, but its patch is {'' if is_empty else 'not '}empty")
            if again.get(name, verdict["outcome"]) != verdict["outcome"]:
                raise ArtifactError(f"{what}, but the harness's files say {again[name]}")
            n["empty" if is_empty else "again" if name in again else "unchecked"] += 1
    yield f"{n['again']} verdicts match the harness's files; {n['empty']} patches are empty"
    if n["unchecked"]:
        yield Warn(f"{n['unchecked']} verdicts cannot be checked: the harness's files are gone")


def _judged(harness: Record, home: Path, patches: Mapping[str, str]) -> Mapping[str, Outcome]:
    """Verdicts read again from the harness's files; {} for a foreign harness, since records may name any module."""
    if not str(harness["_target_"]).startswith("contexttune.harness."):
        return {}
    filled = {name: patch for name, patch in patches.items() if patch.strip()}
    kind = target_class(harness, "harness")
    return kind.judged(home, filled) if issubclass(kind, Harness) else {}


def contexts(records: Records) -> Iterator[str]:
    """The block that each attempt got is a context of its commit on disk."""
    n: Counter[str] = Counter()
    digests = cache(_block_digests)
    for run in records.runs:
        homes = records.contexts(run)
        for _, attempt in records.attempts(run):
            digest, home = attempt["block_sha256"], homes.get(attempt["instance_id"])
            known = home is not None and digest in digests(home)
            n["none" if digest == _NO_BLOCK else "found" if known else "missing"] += 1
    yield f"{n['found']} attempts got a block from artifacts/contexts, {n['none']} got none"
    if n["missing"]:
        yield Warn(
            f"{n['missing']} attempts got a block that is not on disk: contexts were moved, or rebuilt by other code"
        )


def _block_digests(home: Path) -> set[str]:
    """Digests of the blocks of all contexts of a commit."""
    saved = (read_json(path) for path in home.rglob("*.json"))
    return {sha256(block(one["text"])) for one in saved if isinstance(one, dict) and "context_id" in one}


def accounts(records: Records) -> Iterator[str]:
    """Calls and tokens of attempts match their journals, and costs match the tokens."""
    n: Counter[str] = Counter()
    for run in records.runs:
        config = run["manifest"]["config"]
        price = price_of(config["model"], config["prices"])
        for home, attempt in records.attempts(run):
            if not run.get("replay"):  # a replay's calls were paid by another run
                n[_compare_journal(home, attempt)] += 1
            n["other cost"] += _has_other_cost(attempt, price)
    yield f"{n['same']} journals match their attempts"
    if n["more"]:
        yield Warn(f"{n['more']} journals have uncounted calls, made by a killed process")
    if n_other := n["other cost"]:
        yield Warn(f"{n_other} attempts have a cost that differs from their tokens at the run's price")


def _has_other_cost(attempt: Record, price: Price | None) -> bool:
    """Whether the cost differs from the price of the tokens: the price may have changed between sessions of a run."""
    usage = Usage(**{key: attempt[key] for key in _USAGE})
    cost, stated = cost_usd(price, usage, n_calls=attempt["n_calls"]), attempt.get("cost_usd")
    return cost is not None and stated is not None and abs(stated - cost) > _SAME_USD


def _compare_journal(home: Path, attempt: Record) -> str:
    """One of "same", "more" (uncounted calls), "none" (no journal). Raises ArtifactError if counted calls are missing."""
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
            raise ArtifactError(f"{home}: calls.jsonl has {key} {value}, but attempt.json counts {counted}")
        more |= counted < (value or 0)
    return "more" if more else "same"


def leaks(records: Records) -> Iterator[str]:
    """Leaks recorded by runs with audit.leaks=warn."""
    for run in records.runs:
        if found := read_json(records.layout.leaks(records.group_id, run["run_id"])):
            yield Warn(f"run {run['run_id']}: {len(found)} contexts reveal the answer, see its leaks.json")


def runs(records: Records) -> Iterator[str]:
    """All runs are finished."""
    n_open = sum(run["status"] != "finished" for run in records.runs)
    n_results = sum(len(run["instances"]) for run in records.runs)
    yield f"{len(records.runs)} runs, {n_results} results"
    if n_open:
        yield Warn(f"{n_open} runs are not finished: run their commands again to finish them")
