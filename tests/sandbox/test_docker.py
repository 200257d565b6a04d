"""What an engine's command line is given, where no engine is needed to see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contexttune.errors import InfraError
from contexttune.sandbox.docker import Docker, Podman
from contexttune.sandbox.engine import Engine, Limits


def pulled(engine: type[Engine], image: str, tmp_path: Path) -> str:
    """The name that the engine is asked for, by one that has nothing."""
    command = tmp_path / "engine"
    command.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho manifest unknown >&2\nexit 1\n')
    command.chmod(0o755)
    made = engine(executable=str(command), limits=Limits(), run_args=[], images=tmp_path)
    with pytest.raises(InfraError, match="manifest unknown"):
        made.pull(image)
    (call,) = (tmp_path / "calls").read_text().splitlines()
    return call.split()[-1]


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("swebench/sweb.eval.x86_64.a:latest", "docker.io/swebench/sweb.eval.x86_64.a:latest"),
        ("debian:12", "docker.io/debian:12"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("localhost/a:1", "localhost/a:1"),
        ("registry:5000/a:1", "registry:5000/a:1"),
    ],
)
def test_podman_asks_the_registry_that_docker_means(tmp_path, image, asked):
    assert pulled(Podman, image, tmp_path) == asked
    (tmp_path / "calls").unlink()
    assert pulled(Docker, image, tmp_path) == image
