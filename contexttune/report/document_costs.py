"""What models took to write an arm's documents: paid once, and spread over the attempts that were given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contexttune.analysis.number_format import counted, number, usd
from contexttune.experiment.finished_work import is_attempted
from contexttune.experiment.rows import Row

if TYPE_CHECKING:
    from contexttune.report.summary_schema import Documents

Written = Mapping[str, Any]


def distinct(runs: Sequence[Mapping[str, Any]]) -> list[Written]:
    """The documents of these run records, those that several runs were given once."""
    found = {
        (one["repo"], one["base_commit"], one["model_id"], one["document_id"]): one
        for run in runs
        for one in run.get("documents", ())
    }
    return [found[place] for place in sorted(found)]


def spread(runs: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> Documents | None:
    """Of one arm's runs and rows; None where no model wrote."""
    from contexttune.report.summary_schema import Documents

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


def words(condition: str, documents: Documents) -> str:
    """What its documents cost, in a sentence."""
    wrote = f"{condition}: {counted(documents.n_documents, 'document')} by {', '.join(documents.models)}"
    attempts = counted(documents.n_attempts, "attempt")
    if documents.prompt_tokens is None or documents.completion_tokens is None:
        return f"{wrote}, whose cost is not known: the endpoint did not count its tokens."
    tokens = documents.prompt_tokens + documents.completion_tokens
    took, each = f"{number(tokens)} tokens", f"{number(documents.tokens_per_attempt)} tokens"
    if documents.cost_usd is not None:
        took, each = f"{took}, {usd(documents.cost_usd)} USD,", f"{usd(documents.usd_per_attempt)} USD"
    spread_out = f" ({each} an attempt, over {attempts})" if documents.n_attempts else ""
    return f"{wrote} took {took} once{spread_out}, on top of what the attempts took."


def _total(written: Sequence[Written], key: str) -> Any:
    """None as soon as one is unknown."""
    values = [one[key] for one in written]
    return None if None in values else sum(values)
