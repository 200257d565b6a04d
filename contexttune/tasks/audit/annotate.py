"""Prints the block of an instance, with marks on the lines that reveal parts of the gold patch."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from contexttune.errors import ConfigError
from contexttune.experiment.cell import Cell
from contexttune.injection import block
from contexttune.system.progress import console
from contexttune.tasks.audit.conditions import Arm
from contexttune.tasks.audit.measure import Subject, find_leaks, prepare
from contexttune.tasks.audit.recall import read, recall, symbols_in


def show(cell: Cell, arms: Sequence[Arm], instance_id: str) -> None:
    """Print the block of every condition, with the condition's own settings. Raises ConfigError for an unknown instance.

    Lines are marked F (names a gold file), S (names a gold symbol among the lines of its file) and ! (leaks). The
    condition's reason for the line and what was found in it follow the line.
    """
    instance = next((i for i in cell.instances if i.instance_id == instance_id), None)
    if instance is None:
        raise ConfigError(
            f"show={instance_id} is not in slice={cell.config.slice.name}: name one of its instances"
        )
    subject = prepare(cell, instance)
    _print("[bold]gold of", f"{instance_id}:[/]")
    for path in subject.gold.files:
        _print(f"  {escape(path)}:", escape(", ".join(subject.gold.symbols.get(path, ()))) or "no definition")
    for arm in arms:
        _show(arm, subject)


def marked(arm: Arm, subject: Subject) -> list[tuple[str, str, str]]:
    """(marks, line, reasons) of each line of the block."""
    built = arm.build(subject.repo, subject.instance, None)
    text = built.text.rstrip()
    reading = read(text, subject.paths)
    symbols = symbols_in(reading, subject.gold)
    found = {leak.line: leak for leak in find_leaks(arm, subject, built)}
    reasons = arm.reasons(subject.repo, subject.instance)
    rows = []
    for number, line in enumerate(text.split("\n")):
        files = {mention.path for mention in reading.lines[number].mentions} & set(subject.gold.files)
        leak = found.get(number + 1)
        marks = ("F" if files else "") + ("S" if number in symbols else "") + ("!" if leak else "")
        notes = [*reasons[number : number + 1], *sorted(files), *symbols.get(number, ())]
        notes += [f"{leak.kind}: {leak.what}"] if leak else []
        rows.append((marks, line, "; ".join(filter(None, notes))))
    first, *_, last = block(text).split("\n") if text else ("", "")
    return [("", first, ""), *rows, ("", last, "")] if text else []


def _show(arm: Arm, subject: Subject) -> None:
    rows = marked(arm, subject)
    if not rows:
        _print("[bold]condition", f"{arm.condition}[/] sends no block")
        return
    found = recall(arm.build(subject.repo, subject.instance, None).text, subject.gold, subject.paths)
    shares = f"{_share(found.file)} of gold files, {_share(found.symbol)} of gold symbols"
    _print("[bold]condition", f"{arm.condition}[/]: {found.n_chars:,} characters, {shares}")
    for marks, line, note in rows:
        shown = f"[bold green]{marks:>3}[/] {escape(line)}" + (f"  [dim]<- {escape(note)}[/]" if note else "")
        console().print(shown, highlight=False, soft_wrap=True)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _print(*words: str) -> None:
    console().print(" ".join(words), highlight=False, soft_wrap=True)
