"""The Docker daemon that the SWE-bench harness uses.

The harness talks to it by the Docker SDK, so its images and containers are queried in the same way, and
reach the same daemon. Containers of agents are started by the command line, see docker.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from contexttune.errors import InfraError

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger(__name__)

_TIMEOUT_S = 60


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
