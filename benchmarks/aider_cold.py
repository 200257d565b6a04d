"""Seconds that aider takes for its cold map of a checkout. Run by a Python that has aider: benchmarks/signals.py does.

python benchmarks/aider_cold.py CHECKOUT [MAP_TOKENS]

Importing is left out. Tokens are counted as four characters each, which is quicker than a tokenizer.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path


class _Model:
    def token_count(self, text: str) -> int:
        """About as many tokens as a tokenizer finds in code."""
        return len(text) // 4


def main() -> None:
    """Print seconds, processor seconds and the characters of the map."""
    from aider.io import InputOutput
    from aider.repomap import RepoMap

    root = Path(sys.argv[1]).resolve()
    tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    files = [str(root / name) for name in listed.decode(errors="surrogateescape").split("\0") if name]
    io = InputOutput(pretty=False, yes=True)
    started, busy = time.perf_counter(), time.process_time()
    repo_map = RepoMap(map_tokens=tokens, root=str(root), main_model=_Model(), io=io, map_mul_no_files=1)
    text = repo_map.get_repo_map([], files)
    print(time.perf_counter() - started, time.process_time() - busy, len(text or ""))


if __name__ == "__main__":
    main()
