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


def main() -> None:
    """Serve until stdin ends."""
    said = sys.stdout
    sys.stdout = sys.stderr  # Ray prints as well
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    nodes = [cluster.add_node(**NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    print(cluster.address, file=said, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(cluster.add_node(**NODE))
            cluster.wait_for_nodes()
        print("done", file=said, flush=True)
    cluster.shutdown()  # type: ignore[no-untyped-call]


main()
