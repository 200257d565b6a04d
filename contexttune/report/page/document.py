"""Puts the page together: the template's text, the index of instances, their compressed details."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contexttune.paths import PACKAGE, Layout
from contexttune.report.page import plots, template_filters, view
from contexttune.report.page.details import Limit, Records, Row
from contexttune.report.page.escape import visible
from contexttune.report.page.matrix import by_instance, index, is_discordant
from contexttune.report.page.size_limit import LADDER, Fitted, Limits, fit, pack
from contexttune.system.files import write_atomic

_HOME = PACKAGE / "report" / "page"
_SCRIPT = ("matrix.js", "instance.js", "start.js")  # one function: the first opens it, the last closes it
_NOTE_BYTES = 2_000  # what the words about shortened texts may take
_MOST_ATTEMPTS = (
    20_000  # beyond them a page has no room for details that say anything, and reading them takes minutes
)


def write(
    layout: Layout,
    group_id: str,
    summary: Mapping[str, Any],
    rows: Sequence[Row],
    *,
    trajectories: bool,
    max_mb: float,
) -> Path:
    """Write results/<group_id>/report.html and return its path. The same records give the same bytes.

    Args:
        layout: where the attempts, contexts and harness reports of `rows` lie.
        group_id: the group.
        summary: summary.json; keys that are not there (no contrast in a group of one arm) leave their part out.
        rows: of the group's attempts; `part_id`, where a row has one, is the run or shard that it lies in.
        trajectories: False leaves what the agents did out.
        max_mb: megabytes (10^6 bytes) that details are shortened to.
    """
    known = view.conditions_of(summary)
    conditions = [*known, *sorted({str(row["condition"]) for row in rows} - set(known))]
    seeds = (summary.get("analysis") or {}).get("seeds")
    instances = by_instance([row for row in rows if seeds is None or row["seed"] in seeds], conditions)
    flaky = summary.get("flaky") or []
    packed = pack(index(layout, group_id, instances, conditions, view.control_of(summary), flaky))
    render = partial(_render, _parts(summary, instances, conditions), packed)
    room = int(max_mb * 1e6) - len(render(_nothing()).encode()) - _NOTE_BYTES
    n_attempts = sum(map(len, instances.values()))
    fitted = _nothing()
    if n_attempts <= _MOST_ATTEMPTS:
        fitted = fit(
            instances,
            {name: is_discordant(own, conditions) for name, own in instances.items()},
            Records(layout, group_id, trajectories=trajectories).read,
            room,
        )
    path = layout.group(group_id) / "report.html"
    write_atomic(
        path,
        render(
            fitted,
            notes=[
                *_of_seeds(seeds),
                *_too_many(n_attempts),
                *_notes(fitted, layout, group_id, trajectories, max_mb),
            ],
        ),
    )
    return path


def _nothing() -> Fitted:
    return Fitted(blocks=[], limits=LADDER[0], fits=True)


def _parts(
    summary: Mapping[str, Any], instances: Mapping[str, Sequence[Row]], conditions: Sequence[str]
) -> dict[str, Any]:
    """What the template shows, whatever there is room for."""
    control = view.control_of(summary)
    pairs = [(control, name) for name in conditions if name != control] if control in conditions else []
    scatters = [(name, plots.scatter(instances, arm, name)) for arm, name in pairs]
    return {
        "summary": summary,
        "conditions": conditions,
        "control": control,
        "n_instances": len(instances),
        "n_attempts": sum(map(len, instances.values())),
        "warnings": view.warnings(summary),
        "forest": view.forest(summary),
        "costs": view.costs(summary),
        "scatters": [(name, found) for name, found in scatters if found],
        "side": plots.SIDE,
        "runs": view.runs(summary),
    }


def _render(parts: Mapping[str, Any], packed_index: str, fitted: Fitted, notes: Sequence[str] = ()) -> str:
    """The page. Whatever comes from a record is escaped by the template, or packed: base64 holds no markup."""
    from jinja2 import ChainableUndefined, Environment, FileSystemLoader
    from markupsafe import Markup

    templates = Environment(
        loader=FileSystemLoader(_HOME),
        autoescape=True,
        undefined=ChainableUndefined,  # an older summary lacks keys, and its page the part
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= template_filters.filters()
    style = (_HOME / "page.css").read_text(encoding="utf-8")
    script = "\n".join((_HOME / name).read_text(encoding="utf-8") for name in _SCRIPT)
    return templates.get_template("page.html.jinja").render(
        **view.safe(parts),
        notes=[visible(note) for note in notes],
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_digest=_digest(style),
        script_digest=_digest(script),
        packed=[packed_index, *fitted.blocks],
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _notes(fitted: Fitted, layout: Layout, group_id: str, trajectories: bool, max_mb: float) -> list[str]:
    """What is not in the page, and where it lies."""
    home = layout.group(group_id)
    preds = os.path.relpath(layout.predictions(group_id, "run").parent.parent, home)
    whole = (
        f"The whole files lie, from this page's directory, at {preds}/<run>/<instance>/ (<instance>.traj.json, "
        "attempt.json), runs/<run>/problems.jsonl and runs/<run>/harness/."
    )
    notes = []
    if not trajectories:
        notes.append("Trajectories were left out (report.trajectories=false).")
    if not fitted.limits.is_whole:
        notes.append(f"To keep this file below {max_mb:g} MB (report.max_mb), {_words(fitted.limits)}.")
    if not fitted.fits:
        notes.append(f"Even so this group does not fit into report.max_mb={max_mb:g}.")
    return [*notes, whole]


def _too_many(n_attempts: int) -> list[str]:
    if n_attempts <= _MOST_ATTEMPTS:
        return []
    return [
        f"This group has {n_attempts:,} attempts, and of more than {_MOST_ATTEMPTS:,} a page holds the outcomes alone: "
        "analysis.seeds=[0] makes one of some seeds, with their details."
    ]


def _of_seeds(seeds: Sequence[int] | None) -> list[str]:
    if seeds is None:
        return []
    return [f"Attempts of the seeds {', '.join(map(str, seeds))} are shown, and no others (analysis.seeds)."]


def _words(limits: Limits) -> str:
    same = "instances that the arms resolve equally often"
    if limits.concordant == limits.discordant:
        return f"every attempt is shown with {_kept(limits.concordant)}"
    shown = f"attempts at {same} are shown with {_kept(limits.concordant)}"
    others = _kept(limits.discordant) if limits.discordant != LADDER[0].discordant else "all that there is"
    return f"{shown}, those at other instances with {others}"


def _kept(limit: Limit) -> str:
    steps = f"{limit.trajectory:,} characters of their trajectory" if limit.trajectory else "no trajectory"
    return f"{steps} and {limit.text:,} of any other text"
