from types import SimpleNamespace

import pytest

from contexttune import session
from contexttune.config import AnalysisConfig
from contexttune.report import summary


@pytest.mark.parametrize(("sweep", "kept"), [(None, []), (["a"], ["b"]), ([], ["a", "b"])])
def test_a_job_makes_the_summaries_of_the_groups_that_the_sweep_fills_stale(
    tmp_path, monkeypatch, sweep, kept
):
    monkeypatch.setattr(summary, "rebuild", lambda *_: {})
    current = session.Session(sweep=sweep if sweep is None else SimpleNamespace(groups=dict.fromkeys(sweep)))
    for name in ("a", "b"):
        current.summarize(tmp_path, name, AnalysisConfig())
    current.begin_job()
    assert sorted(current._fresh) == kept
