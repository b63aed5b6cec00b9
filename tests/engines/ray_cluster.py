"""A Ray cluster of three nodes; says its address, then obeys ``kill`` and ``add``, a line each.

A program of its own, so that a test's process holds no connection to a node that it kills.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_TMPDIR"] = sys.argv[1]

from ray.cluster_utils import Cluster

NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
}


ATTEMPTS = 5
"""Ray gives a node 30 s to start, which a machine under load may exceed."""


def started() -> tuple[Cluster, list[Any]]:
    """A head and two further nodes."""
    for attempt in range(1, ATTEMPTS + 1):
        cluster = Cluster()
        try:
            nodes = [cluster.add_node(**NODE) for _ in range(3)]
        except Exception:
            if attempt == ATTEMPTS:
                raise
            cluster.shutdown()  # type: ignore[no-untyped-call]
        else:
            cluster.wait_for_nodes(timeout=300)
            return cluster, nodes[1:]
    raise AssertionError


def main() -> None:
    """Serve until stdin ends."""
    said = sys.stdout
    sys.stdout = sys.stderr  # Ray prints as well
    cluster, nodes = started()
    print(cluster.address, file=said, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(cluster.add_node(**NODE))
            cluster.wait_for_nodes(timeout=300)
        print("done", file=said, flush=True)
    cluster.shutdown()  # type: ignore[no-untyped-call]


main()
