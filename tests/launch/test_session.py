from types import SimpleNamespace

import pytest

from contexttune.config.schema import AnalysisConfig
from contexttune.interfaces import TaskResult
from contexttune.launch import session
from contexttune.launch.sweep import PlannedJob, Sweep


@pytest.mark.parametrize(("sweep", "kept"), [(None, []), (["a"], ["b"]), ([], ["a", "b"])])
def test_a_job_makes_the_summaries_of_the_groups_that_the_sweep_fills_stale(sweep, kept):
    current = session.Session(sweep=sweep if sweep is None else SimpleNamespace(groups=dict.fromkeys(sweep)))
    current.end_job(TaskResult(summaries={"a": {}, "b": {}}))
    current.begin_job()
    assert sorted(current._summaries) == kept


def test_a_group_is_judged_in_the_end_by_what_its_own_jobs_were_told(tmp_path):
    def job(group_id, margin):
        config = SimpleNamespace(analysis=AnalysisConfig(margin=margin))
        cell = SimpleNamespace(group_id=group_id, config=config)
        typed = [f"analysis.margin={margin}"]
        return PlannedJob(overrides=typed, directory=tmp_path, cell=cell, record=None)

    sweep = Sweep(jobs=[job("a", 0.05), job("b", 0.1)], is_launched=True, is_slurm=False)
    assert sweep.analysis("b") == (AnalysisConfig(margin=0.1), ["analysis.margin=0.1"])
    assert sweep.analysis("a") == (AnalysisConfig(), ["analysis.margin=0.05"])
    assert sweep.analysis("c") == (None, [])
