"""The Docker engine, as far as this program asks it anything itself."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

from contexttune.errors import InfraError, PreflightError

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger(__name__)

_TIMEOUT_S = 60


def connect() -> DockerClient:
    """A client of the engine that DOCKER_HOST names. Raises InfraError when it does not answer."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=_TIMEOUT_S)
        client.ping()
    except (DockerException, OSError) as error:
        raise InfraError(f"the Docker engine does not answer: {error}") from None
    return client


def preflight() -> DockerClient:
    """A client of an engine that can be used. Raises PreflightError with the remedy otherwise."""
    if shutil.which("docker") is None:
        raise PreflightError(
            "harness=swebench_docker needs the docker command on PATH (the harness stops containers with it): "
            "install docker.io, or choose harness=local or harness=none"
        )
    try:
        return connect()
    except InfraError as error:
        raise PreflightError(
            f"harness=swebench_docker: {error}; start dockerd or point DOCKER_HOST at a running one"
        ) from None


def missing_images(client: DockerClient, images: Iterable[str]) -> list[str]:
    """Those of `images` that the engine does not hold, sorted."""
    from docker.errors import ImageNotFound

    missing = []
    for image in sorted(set(images)):
        try:
            client.images.get(image)
        except ImageNotFound:
            missing.append(image)
    return missing


def digests(client: DockerClient, images: Iterable[str]) -> dict[str, str]:
    """image -> its repository digest, or its id when it has none; images that are not here are left out."""
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
    """Remove what runs that are over left in the engine; nothing else is called `<...>.<harness_run_id>`."""
    from docker.errors import APIError

    for harness_run_id in harness_run_ids:
        for container in client.containers.list(
            all=True, ignore_removed=True, filters={"name": rf"\.{harness_run_id}"}
        ):
            log.info("removing the container %s, left by an interrupted evaluation", container.name)
            try:
                container.remove(force=True)
            except APIError as error:  # removal by someone else may be under way
                log.warning("container %s: %s", container.name, error)
