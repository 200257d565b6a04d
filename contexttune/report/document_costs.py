"""Cost of the documents that models wrote for a condition: paid once, spread over the attempts that used them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contexttune.analysis.number_format import number, plural, usd
from contexttune.experiment.finished_work import is_attempted
from contexttune.experiment.rows import Row
from contexttune.report.summary_schema import Documents

Written = Mapping[str, Any]


def distinct(runs: Sequence[Mapping[str, Any]]) -> list[Written]:
    """Documents listed in run records, without duplicates."""
    found = {
        (one["repo"], one["base_commit"], one["model_id"], one["document_id"]): one
        for run in runs
        for one in run.get("documents", ())
    }
    return [found[place] for place in sorted(found)]


def spread(runs: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> Documents | None:
    """Document costs of one condition, given its runs and rows; None where no model wrote documents."""
    written = distinct(runs)
    if not written:
        return None
    n_attempts = sum(map(is_attempted, rows))
    prompt, completion = (_total(written, key) for key in ("prompt_tokens", "completion_tokens"))
    cost_usd = _total(written, "cost_usd")
    tokens = None if prompt is None or completion is None else prompt + completion
    return Documents(
        n_documents=len(written),
        models=sorted({one["model"] for one in written}),
        n_calls=sum(one["n_calls"] for one in written),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=None if cost_usd is None else round(cost_usd, 6),
        n_attempts=n_attempts,
        tokens_per_attempt=None if tokens is None or not n_attempts else tokens / n_attempts,
        usd_per_attempt=None if cost_usd is None or not n_attempts else cost_usd / n_attempts,
    )


def sentence(condition: str, documents: Documents) -> str:
    """The document costs of a condition as a sentence."""
    wrote = f"{condition}: {plural(documents.n_documents, 'document')} by {', '.join(documents.models)}"
    attempts = plural(documents.n_attempts, "attempt")
    if documents.prompt_tokens is None or documents.completion_tokens is None:
        return f"{wrote} at an unknown cost: the endpoint reported no token counts."
    tokens = documents.prompt_tokens + documents.completion_tokens
    took, each = f"{number(tokens)} tokens", f"{number(documents.tokens_per_attempt)} tokens"
    if documents.cost_usd is not None:
        took, each = f"{took}, {usd(documents.cost_usd)} USD,", f"{usd(documents.usd_per_attempt)} USD"
    per_attempt = f" ({each} per attempt, over {attempts})" if documents.n_attempts else ""
    return f"{wrote} took {took} once{per_attempt}, not included in the cost of attempts."


def _total(written: Sequence[Written], key: str) -> Any:
    """The sum; None if any value is unknown."""
    values = [one[key] for one in written]
    return None if None in values else sum(values)
