"""One run, or several conditions, by the flags that runbooks have: prints the command that they stand for, and runs it.

python scripts/run_inference.py --model my-model --conditions no_context,baseline_context --limit 5 --dry_run
"""

from __future__ import annotations

import translate


def main() -> None:
    """Command line."""
    assert __doc__ is not None
    flags = translate.parser(__doc__.splitlines()[0])
    arms = flags.add_mutually_exclusive_group()
    translate.conditions_flag(arms)
    arms.add_argument("--ablation", metavar="NAME", help="one arm (condition=NAME); baseline_context without")
    flags.add_argument(
        "--run_id",
        metavar="NAME",
        help="the name of the results (group_id=NAME); without it, one made of slice, runner, model and settings",
    )
    flags.add_argument(
        "--out",
        metavar="DIR",
        help="where results/, artifacts/, multirun/ and cache/ go (paths.root=DIR). CONTEXTTUNE_CACHE, an absolute path, keeps "
        "one cache for several of them",
    )
    translate.start("run_inference.py", flags)


if __name__ == "__main__":
    main()
