"""The baseline context against none on Verified Mini, by the flags that runbooks have: prints the command, and runs it.

python scripts/run_verified_mini_baseline.py --model my-model --limit 5 --dry_run
"""

from __future__ import annotations

import translate


def main() -> None:
    """Command line."""
    assert __doc__ is not None
    flags = translate.parser(__doc__.splitlines()[0])
    translate.conditions_flag(flags)
    translate.start("run_verified_mini_baseline.py", flags, ["-m", "experiment=verified_mini_baseline"])


if __name__ == "__main__":
    main()
