"""The Docker daemon that the SWE-bench harness uses.

The harness talks to it by the Docker SDK, so its images and containers are queried in the same way, and
reach the same daemon. Containers of agents are started by the command line, see docker.py.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from contexttune.errors import InfraError
from contexttune.sandbox.engine import last_line
from contexttune.system import subprocesses

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger(__name__)

_TIMEOUT_S = 60
_JOIN_S = 5.0
_UPDATE_BYTES = 1_000_000
_SHARE = 0.9  # of the engine's memory that one container gets at most


@contextmanager
def connected() -> Iterator[DockerClient]:
    """A client of the daemon that DOCKER_HOST names. Raises InfraError when it does not answer."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=_TIMEOUT_S)
        client.ping()
    except (DockerException, OSError) as error:
        raise InfraError(f"the Docker engine does not answer: {error}") from None
    try:
        yield client
    finally:
        client.close()


def digests(client: DockerClient, images: Iterable[str]) -> dict[str, str]:
    """image -> repository digest, or the image's id where it has none; images that are not here are left out."""
    from docker.errors import ImageNotFound

    found = {}
    for image in sorted(set(images)):
        try:
            attributes = client.images.get(image).attrs
        except ImageNotFound:
            continue
        found[image] = str((attributes.get("RepoDigests") or [attributes["Id"]])[0])
    return found


@contextmanager
def limited(harness_run_id: str, memory_gb: float | None, pids_limit: int | None) -> Iterator[None]:
    """Limit each container of a harness run as soon as it has been created; the harness itself sets no limits.

    Raises InfraError when the engine does not answer.
    """
    with connected() as client:
        flags = [f"--pids-limit={pids_limit}"] if pids_limit is not None else []
        if memory_gb is not None:
            n_bytes = int(min(memory_gb * 1e9, _SHARE * client.info()["MemTotal"]))
            flags += [f"--memory={n_bytes}", f"--memory-swap={n_bytes}"]
        created = client.events(decode=True, filters={"type": "container", "event": "create"})
        thread = threading.Thread(target=_limit, args=(created, harness_run_id, flags), daemon=True)
        thread.start()
        try:
            yield
        finally:
            created.close()
            thread.join(_JOIN_S)


def _limit(created: Iterable[Mapping[str, Any]], harness_run_id: str, flags: Sequence[str]) -> None:
    for event in created:
        name = event["Actor"]["Attributes"]["name"]
        if flags and f".{harness_run_id}" in name:
            done = subprocesses.run(
                ["docker", "update", *flags, name],
                timeout_s=_TIMEOUT_S,
                limit_bytes=_UPDATE_BYTES,
                process_group=0,  # as in engine.py
            )
            if done.returncode != 0:
                log.warning("%s runs without limits: %s", name, last_line(done))


def remove_containers(client: DockerClient, harness_run_ids: Iterable[str]) -> None:
    """Remove the containers of finished harness runs, named `<...>.<harness_run_id>`."""
    from docker.errors import APIError

    for harness_run_id in harness_run_ids:
        found = client.containers.list(
            all=True, ignore_removed=True, filters={"name": rf"\.{harness_run_id}"}
        )
        for container in found:
            log.info("removing container %s of an interrupted evaluation", container.name)
            try:
                container.remove(force=True)
            except APIError as error:  # its removal may be in progress
                log.warning("container %s: %s", container.name, error)
