"""Measurements of contexts, by hand."""

from contexttune.tasks.audit.measure import Measurement
from contexttune.tasks.audit.recall import Recall


def measured(
    condition: str, instance_id: str, *, budget_chars: int = 100, repo: str = "o/r", **recall
) -> Measurement:
    """One context; what is not said of its recall is 0."""
    shares = dict.fromkeys(("file", "file_literal", "any_hit", "symbol", "reciprocal_rank"), 0.0)
    sizes = dict.fromkeys(("n_files", "n_chars", "n_tokens"), 0)
    return Measurement(
        condition=condition,
        budget_chars=budget_chars,
        instance_id=instance_id,
        repo=repo,
        is_named=instance_id.endswith("named"),
        n_gold_files=1,
        n_gold_symbols=1,
        recall=Recall(**{**shares, **sizes, **recall}),
        build_s=0.0,
        leaks=[],
    )
