"""Groups on disk, for tests: records as a run leaves them."""

from contexttune.system.files import sha256, write_json

GROUP = "g"


def write_run(
    place,
    run_id,
    condition,
    seed,
    outcomes,
    *,
    group=GROUP,
    official=True,
    harness="swebench_docker",
    **manifest,
):
    """Write a run. Outcome None: instance not reached; "outage" and "ungraded": attempted without a verdict."""
    write_json(
        place.run(group, run_id) / "run.json",
        {
            "run_id": run_id,
            "group_id": group,
            "condition": condition,
            "seed": seed,
            "status": "finished",
            "model_name_or_path": f"m__{condition}",
            "scripted": False,
            "harness": harness,
            "official": official,
            "instances": [{"instance_id": name, "repo": "o/r"} for name in outcomes],
            "manifest": {"rows_digest": "x"} | manifest,
        },
    )
    verdicts = {}
    for name, outcome in outcomes.items():
        if outcome is None:
            continue
        status = "infra_error" if outcome == "outage" else "submitted"
        attempt = {
            "status": status,
            "exit_status": "stop",
            "patch_sha256": sha256(name),
            "wall_s": 1.5,
            "prompt_tokens": 10,
        }
        write_json(place.instance(group, run_id, name) / "attempt.json", attempt | {"instance_id": name})
        if outcome not in ("outage", "ungraded"):
            verdicts[name] = {"outcome": outcome, "patch_sha256": sha256(name)}
    write_json(place.run(group, run_id) / "outcomes.json", verdicts)
