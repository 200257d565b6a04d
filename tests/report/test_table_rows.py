from contexttune.report.table_rows import caveats


def test_caveats_name_unfinished_cells_unhealthy_instances_and_flaky_gradings():
    found = caveats(
        {
            "cells": [{"state": "finished"}, {"state": "missing"}],
            "warnings": ["The model is scripted: no evidence."],
            "health": {
                **{"unhealthy": [{"instance_id": "a"}], "n_instances": 9, "excluded": []},
                **{"n_checked": 9, "n_gold_resolved": 8, "ceiling": 8 / 9, "command": None},
            },
            "flaky": [{"instance_id": "b"}, {"instance_id": "b"}],
        }
    )
    assert found[0] == "The model is scripted: no evidence."
    assert [
        fact in line
        for fact, line in zip(("2 cells, 1 missing", "8 of 9", "1 instance "), found[1:], strict=True)
    ] == [
        True,
        True,
        True,
    ]
