"""A real Ray cluster of three nodes: the same bits as on one machine, also when a node dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engines.conftest import Bench, RayCluster

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CELL = ("--only", "width=0.05", "--only", "batch_size=32")


def ray(cluster: RayCluster) -> tuple[str, ...]:
    """Options that send runs to the cluster."""
    return ("--engine", "ray", "--ray-address", cluster.address)


def test_records_and_claims_are_those_of_the_local_engine(
    ray_cluster: RayCluster, short: Bench
) -> None:
    command = ("run", "small.toml", "--study", "on-ray", *ray(ray_cluster))
    short.call(*command, "--pack", "3")
    assert short.results("on-ray") == short.results("local")
    assert len(short.results("on-ray")) == 8
    assert short.claims("on-ray") == short.claims("local")
    _, messages = short.call(*command)
    assert "nothing to run" in messages


def test_a_command_trains_in_tasks_as_it_does_here(
    ray_cluster: RayCluster, commanded: Bench
) -> None:
    command = ("run", "small.toml", "--study", "on-ray", *ray(ray_cluster), "--pack", "4")
    _, messages = commanded.call(*command, code=2)
    assert "allow it with --allow-command" in messages
    commanded.call(*command, *commanded.allowed)
    assert len(commanded.results("on-ray")) == 12
    assert commanded.results("on-ray") == commanded.results("local")
    assert commanded.claims("on-ray") == commanded.claims("local")


def test_runs_of_a_node_that_dies_are_executed_on_another(
    ray_cluster: RayCluster, long: Bench
) -> None:
    command = ("run", "small.toml", "--study", "node-dead", *CELL, *ray(ray_cluster), "--pack", "1")
    driver = long.start(*command)
    assert driver.stderr is not None
    try:
        first = next(line for line in driver.stderr if line.startswith("[1/2]"))
        assert "width=0.05" in first
        ray_cluster.kill_node()
        _, messages = driver.communicate(timeout=600)
    finally:
        driver.kill()
        driver.communicate()
        ray_cluster.add_node()
    assert driver.returncode == 0, messages
    assert long.results("node-dead") == long.results("local")
    assert long.attempts("node-dead") == [1, 1]


def test_a_killed_driver_loses_only_what_was_under_way(
    ray_cluster: RayCluster, long: Bench
) -> None:
    command = ("run", "small.toml", "--study", "cut", *CELL, *ray(ray_cluster), "--pack", "2")
    driver = long.start(*command)
    assert driver.stderr is not None
    try:
        next(line for line in driver.stderr if line.startswith("[1/2]"))
    finally:
        driver.kill()
        driver.communicate()
    kept = long.results("cut")
    assert kept
    assert kept.items() <= long.results("local").items()
    long.call(*command)
    assert long.results("cut") == long.results("local")


def test_a_pack_that_no_node_can_hold_is_refused(ray_cluster: RayCluster, short: Bench) -> None:
    command = ("run", "small.toml", "--study", "big", *ray(ray_cluster))
    _, messages = short.call(*command, "-j", "64", code=4)
    assert "a pack needs 64 cores" in messages
    assert "Traceback" not in messages
