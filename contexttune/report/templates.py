"""Fill Jinja templates, which are files beside the modules that use them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from contexttune.analysis.number_format import plural
from contexttune.paths import PACKAGE
from contexttune.report import table_rows

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(template: str, **variables: Any) -> str:
    """Fill a template of the package. Values are escaped for Markdown in `*.md.jinja`, else for HTML and SVG."""
    environment = _environment(is_markdown=template.endswith(".md.jinja"))
    return environment.get_template(template).render(variables)


@cache
def _environment(*, is_markdown: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=True,
        finalize=_markdown if is_markdown else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["tables"] = table_rows
    environment.filters |= {"plural": plural, "table": _table, "thousands": "{:,}".format}
    return environment


def _markdown(value: object) -> Markup:
    """A value escaped, so that names and messages appear literally; a table is left as it is."""
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    escaped = re.sub(r"([\\`*{}\[\]<>#|~])", r"\\\1", " ".join(str(value).split()))
    return Markup(escaped)  # noqa: S704 - escaped above


def _table(rows: Sequence[Mapping[str, str]]) -> Markup:
    """A table in Markdown, of rows that map headings to texts."""
    from markupsafe import Markup

    lines = [rows[0].keys(), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return Markup("\n").join(
        Markup("| {} |").format(Markup(" | ").join(map(_markdown, line))) for line in lines
    )
