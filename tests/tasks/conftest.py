"""The toy tasks of the harness tests, for tasks that grade."""

from tests.harness.conftest import instances, no_containers_left, toy_images, toy_repo

__all__ = ["instances", "no_containers_left", "toy_images", "toy_repo"]
