"""Compares our contexts with aider's map, BM25, a file listing and change history, by the metrics of task=audit.

python -m benchmarks.peers --rows FILE --remotes TEMPLATE [--aider PYTHON] [--conditions a,b] [--budgets 4000,8000] [--limit N] [--out DIR]

FILE contains SWE-bench rows, TEMPLATE is a value of `workspace.remote`, and PYTHON is an interpreter with aider-chat 0.86.2; without
it, aider is left out. Mirrors, signals and aider's maps are kept under DIR, so that an interrupted run can be continued. Prints a table
in percent, and the differences between ours and each peer, paired by instance.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from contexttune.errors import ContextTuneError
from contexttune.experiment.cell import Cell, cell_of
from contexttune.launch import hydra_setup
from contexttune.paths import config_dir
from contexttune.tasks.audit.columns import DIFFERENCES, difference_cells, difference_note
from contexttune.tasks.audit.conditions import Arm, compose_arms, with_signals
from contexttune.tasks.audit.means import summarize
from contexttune.tasks.audit.measure import Measurement, measure
from contexttune.tasks.audit.paired import differences
from contexttune.types import GoldInstance

_PEERS = {
    "bm25_outlines": {"_target_": "benchmarks.peer_contexts.Bm25Outlines"},
    "listing": {"_target_": "benchmarks.peer_contexts.DirectoryListing"},
    "history": {"_target_": "benchmarks.peer_contexts.ChangeHistory"},
}


def main() -> None:
    """Measure and print."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        cell = _cell(args)
        ours = compose_arms(cell, args.conditions, [])
    arms = [*_peers(cell, ours[0], args), *ours]
    cell = with_signals(cell, arms)
    cell.instances = _first(cell.instances, args.limit)
    measured = measure(cell, arms, args.budgets)
    repos = len({one.repo for one in cell.instances})
    print(f"{len(cell.instances)} instances of {repos} repositories, {args.rows.name}\n")
    _print_table(measured, args.budgets)
    _print_differences(measured, [arm.condition for arm in ours])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="compare our contexts with those of other tools")
    parser.add_argument("--rows", type=Path, required=True, help="SWE-bench rows, .jsonl, .json or .parquet")
    parser.add_argument("--remotes", required=True, help="for example '/mirrors/{owner}__{name}.git'")
    parser.add_argument("--aider", help="a Python interpreter with aider-chat 0.86.2")
    parser.add_argument(
        "--conditions", type=lambda text: text.split(","), default="repo_map,issue_map,baseline_context"
    )
    parser.add_argument(
        "--budgets", type=lambda text: sorted(map(int, text.split(","))), default="4000,8000,16000"
    )
    parser.add_argument("--limit", type=int, help="instances per repository, for a quick look")
    parser.add_argument(
        "--out", type=Path, default=Path("peers"), help="directory for mirrors, signals and maps"
    )
    return parser.parse_args()


def _cell(args: argparse.Namespace) -> Cell:
    overrides = {
        "slice": "custom",
        "slice.dataset": args.rows.resolve(),
        "workspace.remote": f"'{args.remotes}'",
        "paths.root": args.out.resolve(),
        "paths.cache": "cache",
        "condition": args.conditions[0],
        "audit.leaks": "off",
    }
    return cell_of(compose("config", overrides=[f"{key}={value}" for key, value in overrides.items()]))


def _peers(cell: Cell, like: Arm, args: argparse.Namespace) -> list[Arm]:
    """Conditions of the peers, which have no YAML, with the signals of all conditions."""
    nodes: dict[str, dict[str, Any]] = {}
    aider = {"python": args.aider, "home": str(args.out.resolve() / "aider"), "budgets_chars": args.budgets}
    for kind in ("agnostic", "issue") if args.aider else ():
        nodes[f"aider_{kind}"] = {"_target_": "benchmarks.peer_contexts.AiderMap", "kind": kind, **aider}
    container = cell.container | {"signal": like.cell.container["signal"]}
    arms = []
    for name, node in (nodes | _PEERS).items():
        arms.append(Arm(Cell(cell.config, {**container, "condition": {**node, "name": name}})))
    return arms


def _first(instances: Sequence[GoldInstance], limit: int | None) -> list[GoldInstance]:
    seen: dict[str, int] = {}
    chosen = []
    for one in instances:
        seen[one.repo] = seen.get(one.repo, 0) + 1
        if limit is None or seen[one.repo] <= limit:
            chosen.append(one)
    return chosen


def _print_table(measured: Sequence[Measurement], budgets: Sequence[int]) -> None:
    rows = {
        (row["condition"], row["budget_chars"]): row for row in summarize(measured) if row["part"] == "all"
    }
    sizes = " / ".join(f"{budget / 1000:g}k" for budget in budgets)
    _print_row(f"at {sizes}", "file recall", "symbol recall", "MRR", "tokens")
    for name in dict.fromkeys(condition for condition, _ in rows):
        own = [rows[name, budget] for budget in budgets]
        _print_row(
            name,
            " / ".join(f"{100 * _mean(row, 'file'):.1f}" for row in own),
            " / ".join(f"{100 * _mean(row, 'symbol'):.1f}" for row in own),
            " / ".join(f"{_mean(row, 'reciprocal_rank'):.2f}" for row in own),
            " / ".join(f"{_mean(row, 'n_tokens'):,.0f}" for row in own),
        )


def _mean(row: Mapping[str, Any], name: str) -> float:
    return float(row[name]["mean"]) if row[name] else float("nan")


def _print_row(name: str, *cells: str) -> None:
    print(f"{name:18}" + "".join(f"{cell:>23}" for cell in cells))


def _print_differences(measured: Sequence[Measurement], ours: Sequence[str]) -> None:
    """Each of ours minus each peer."""
    peers = [name for name in dict.fromkeys(one.condition for one in measured) if name not in ours]
    print(f"\n{difference_note('the peer')}\n")
    print(_line(DIFFERENCES))
    for name in ours:
        for peer in peers:
            two = [one for one in measured if one.condition in (name, peer)]
            for row in differences(two, peer):
                if row["part"] == "all":
                    print(_line(difference_cells(row)))


def _line(cells: Sequence[str]) -> str:
    return f"{cells[0]:36}{cells[1]:>7}" + "".join(f"{cell:>23}" for cell in cells[2:])


if __name__ == "__main__":
    try:
        main()
    except ContextTuneError as error:
        sys.exit(f"error: {error}")
