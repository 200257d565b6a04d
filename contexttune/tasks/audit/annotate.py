"""An instance's block as its agent will see it, each line marked with what it says of the answer."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from contexttune.experiment.cell import Cell
from contexttune.injection import block
from contexttune.system.progress import console
from contexttune.tasks.audit.conditions import Arm
from contexttune.tasks.audit.measure import Subject, leaks_in, subject
from contexttune.tasks.audit.recall import read, recall, symbols_in
from contexttune.types import GoldInstance


def show(cell: Cell, arms: Sequence[Arm], instance: GoldInstance) -> None:
    """Print it for every condition, with its own settings.

    Lines are marked F (names a gold file), S (tells a gold symbol in a block of its file) and ! (leaks). What
    this is follows the line, after the generator's own reason where it has `reasons`.
    """
    about = subject(cell, instance)
    _say("[bold]gold of", f"{instance.instance_id}:[/]")
    for path in about.gold.files:
        _say(f"  {escape(path)}:", escape(", ".join(about.gold.symbols.get(path, ()))) or "no definition")
    for arm in arms:
        _show(arm, about)


def marked(arm: Arm, about: Subject) -> list[tuple[str, str, str]]:
    """(marks, line, why) of each line of the block; ("", "", "") lines are blank ones."""
    built = arm.build(about.repo, about.instance, None)
    text = built.text.rstrip()
    reading = read(text, about.paths)
    symbols = symbols_in(reading, about.gold)
    found = {leak.line: leak for leak in leaks_in(arm, about, built)}
    given = arm.reasons(about.repo, about.instance)
    rows = []
    for number, line in enumerate(text.split("\n")):
        files = {mention.path for mention in reading.lines[number].mentions} & set(about.gold.files)
        leak = found.get(number + 1)
        marks = ("F" if files else "") + ("S" if number in symbols else "") + ("!" if leak else "")
        own = [given[number]] if number < len(given) and given[number] else []
        why = [
            *own,
            *sorted(files),
            *symbols.get(number, ()),
            *([f"{leak.kind}: {leak.what}"] if leak else []),
        ]
        rows.append((marks, line, "; ".join(why)))
    first, *_, last = block(text).split("\n") if text else ("", "")
    return [("", first, ""), *rows, ("", last, "")] if text else []


def _show(arm: Arm, about: Subject) -> None:
    rows = marked(arm, about)
    if not rows:
        _say("[bold]condition", f"{arm.condition}[/] sends no block")
        return
    found = recall(arm.build(about.repo, about.instance, None).text, about.gold, about.paths)
    shares = f"{_share(found.file)} of gold files, {_share(found.symbol)} of gold symbols"
    _say("[bold]condition", f"{arm.condition}[/]: {found.n_chars:,} characters, {shares}")
    for marks, line, why in rows:
        shown = f"[bold green]{marks:>3}[/] {escape(line)}" + (f"  [dim]<- {escape(why)}[/]" if why else "")
        console().print(shown, highlight=False, soft_wrap=True)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _say(*words: str) -> None:
    console().print(" ".join(words), highlight=False, soft_wrap=True)
