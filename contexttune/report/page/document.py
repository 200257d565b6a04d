"""Assemble report.html: the rendered template, the index of instances and their compressed details."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contexttune.paths import PACKAGE, Layout
from contexttune.report.page import plots, view
from contexttune.report.page.details import Limit, Records, Row
from contexttune.report.page.escape import visible
from contexttune.report.page.matrix import by_instance, index, is_discordant
from contexttune.report.page.size_limit import LADDER, Fitted, Limits, fit, pack
from contexttune.report.table_rows import control_first
from contexttune.system.files import write_atomic

_HOME = PACKAGE / "report" / "page"
_SCRIPT = ("matrix.js", "instance.js", "start.js")  # parts of one function, so their order matters
_NOTE_BYTES = 2_000  # reserved for the notes about shortened texts
_MAX_ATTEMPTS = 20_000  # with more, details would be too short to be useful and take minutes to read
_EMPTY = Fitted(blocks=[], limits=LADDER[0], fits=True)


def write(
    layout: Layout,
    group_id: str,
    summary: Mapping[str, Any],
    rows: Sequence[Row],
    *,
    trajectories: bool,
    max_mb: float,
) -> Path:
    """Write results/<group_id>/report.html and return its path; the same records give the same bytes.

    Args:
        layout: locates attempts, contexts and harness reports.
        group_id: the group.
        summary: summary.json.
        rows: rows of the group's attempts; `part_id` names the run or shard that made an attempt.
        trajectories: whether to include trajectories.
        max_mb: size in megabytes (10^6 bytes) to which details are shortened.
    """
    known = control_first(summary)
    conditions = [*known, *sorted({str(row["condition"]) for row in rows} - set(known))]
    seeds, control = summary["analysis"]["seeds"], summary["analysis"]["control"]
    instances = by_instance([row for row in rows if seeds is None or row["seed"] in seeds], conditions)
    packed = pack(index(layout, group_id, instances, conditions, control, summary["flaky"]))
    n_attempts = sum(map(len, instances.values()))
    treatments = [name for name in conditions if name != control] if control in conditions else []
    plotted = [(name, plots.scatter(instances, control, name)) for name in treatments]
    parts = view.sections(summary) | {
        "n_conditions": len(conditions),
        "n_instances": len(instances),
        "n_attempts": n_attempts,
        "scatters": [(name, plot) for name, plot in plotted if plot],
        "side": plots.SIDE,
    }
    render = partial(_render, parts, packed)
    room_bytes = int(max_mb * 1e6) - len(render(_EMPTY).encode()) - _NOTE_BYTES
    fitted = _EMPTY
    if n_attempts <= _MAX_ATTEMPTS:
        discordant = {name: is_discordant(own, conditions) for name, own in instances.items()}
        read = Records(layout, group_id, trajectories=trajectories).read
        fitted = fit(instances, discordant, read, room_bytes)
    notes = _selection_notes(seeds, n_attempts) + _size_notes(fitted, layout, group_id, trajectories, max_mb)
    path = layout.group(group_id) / "report.html"
    write_atomic(path, render(fitted, notes=notes))
    return path


def _render(parts: Mapping[str, Any], packed_index: str, fitted: Fitted, notes: Sequence[str] = ()) -> str:
    """Render the template. Texts from records are escaped by it or packed: base64 contains no markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    templates = Environment(
        loader=FileSystemLoader(_HOME),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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


def _selection_notes(seeds: Sequence[int] | None, n_attempts: int) -> list[str]:
    """Notes about attempts or details that are not in the page."""
    notes = []
    if seeds is not None:
        notes.append(f"Only attempts with seed {', '.join(map(str, seeds))} are shown (analysis.seeds).")
    if n_attempts > _MAX_ATTEMPTS:
        notes.append(
            f"This group has {n_attempts:,} attempts; above {_MAX_ATTEMPTS:,} a page shows outcomes without details. "
            "Select some seeds to see their details, for example with analysis.seeds=[0]."
        )
    return notes


def _size_notes(
    fitted: Fitted, layout: Layout, group_id: str, trajectories: bool, max_mb: float
) -> list[str]:
    """Notes about shortened texts, and where the complete files are."""
    notes = []
    if not trajectories:
        notes.append("Trajectories are not included (report.trajectories=false).")
    if not fitted.limits.is_whole:
        notes.append(f"To keep this file below {max_mb:g} MB (report.max_mb), {_limits(fitted.limits)}.")
    if not fitted.fits:
        notes.append(f"Even so, this group does not fit into report.max_mb={max_mb:g}.")
    preds = os.path.relpath(layout.predictions(group_id, "run").parent.parent, layout.group(group_id))
    return [
        *notes,
        f"Complete files, relative to the directory of this page: {preds}/<run>/<instance>/ (<instance>.traj.json, "
        "attempt.json), runs/<run>/problems.jsonl and runs/<run>/harness/.",
    ]


def _limits(limits: Limits) -> str:
    concordant, discordant = _limit(limits.concordant), _limit(limits.discordant)
    if limits.concordant == limits.discordant:
        return f"every attempt is shortened to {concordant}"
    others = "complete" if limits.discordant == LADDER[0].discordant else f"shortened to {discordant}"
    return (
        f"attempts at instances that the arms resolve equally often are shortened to {concordant}; "
        f"those at other instances are {others}"
    )


def _limit(limit: Limit) -> str:
    steps = f"{limit.trajectory:,} characters of its trajectory" if limit.trajectory else "no trajectory"
    return f"{steps} and {limit.text:,} of each other text"
