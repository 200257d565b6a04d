"""Assemble report.html: the rendered template, the index of instances and their compressed details."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contexttune.paths import PACKAGE, Layout
from contexttune.report.page import plots, view
from contexttune.report.page.details import Records, Row
from contexttune.report.page.escape import visible
from contexttune.report.page.matrix import by_instance, index, is_discordant
from contexttune.report.page.size_limit import LADDER, Fitted, fit, pack
from contexttune.report.table_rows import control_first
from contexttune.report.templates import render
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
    listed = index(layout, group_id, instances, conditions, control, summary["flaky"])
    n_attempts = sum(map(len, instances.values()))
    treatments = [name for name in conditions if name != control] if control in conditions else []
    plotted = [(name, plots.scatter(instances, control, name)) for name in treatments]
    parts = view.sections(view.safe(summary)) | {
        "n_conditions": len(conditions),
        "n_instances": len(instances),
        "n_attempts": n_attempts,
        "max_attempts": _MAX_ATTEMPTS,
        "max_mb": max_mb,
        "trajectories": trajectories,
        "trajectories_in": listed["trajectories_in"],
        "scatters": [(visible(name), plot) for name, plot in plotted if plot],
        "side": plots.SIDE,
    }
    filled = partial(_filled, parts, pack(listed))
    room_bytes = int(max_mb * 1e6) - len(filled(_EMPTY).encode()) - _NOTE_BYTES
    fitted = _EMPTY
    if n_attempts <= _MAX_ATTEMPTS:
        discordant = {name: is_discordant(own, conditions) for name, own in instances.items()}
        read = Records(layout, group_id, trajectories=trajectories).read
        fitted = fit(instances, discordant, read, room_bytes)
    path = layout.group(group_id) / "report.html"
    write_atomic(path, filled(fitted))
    return path


def _filled(parts: Mapping[str, Any], packed_index: str, fitted: Fitted) -> str:
    """Render the template. Texts from records are escaped by it or packed: base64 contains no markup."""
    from markupsafe import Markup

    style = (_HOME / "page.css").read_text(encoding="utf-8")
    script = "\n".join((_HOME / name).read_text(encoding="utf-8") for name in _SCRIPT)
    return render(
        "report/page/page.html.jinja",
        **parts,
        fitted=fitted,
        whole=LADDER[0],
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_digest=_digest(style),
        script_digest=_digest(script),
        packed=[packed_index, *fitted.blocks],
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
