"""The lock of an environment: names and versions of what vggstudy needs and finds here.

It goes into every pack and every release. It holds no paths, hosts or registries, so that it can be
published: ``pip install -r environment.txt`` makes the environment again, wherever pip looks.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata

LOCK_NAME = "environment.txt"

TRAIN = "train"
"""The extra that brings what trains networks."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']*)""")
_PUBLIC = re.compile(r"[0-9][0-9A-Za-z.!]*")


def environment_lock(root: str = "vggstudy") -> str:
    """A line ``name==version`` for everything that a package needs, directly or not, by name.

    What is not installed (because a platform does not need it) and what only extras other than
    "train" ask for is left out, and so is what follows ``+`` in a version, which names a build and
    not a release.

    Raises
    ------
    PackageNotFoundError
        If the package itself is not installed.
    """
    found = dict(_closure(root))
    lines = [f"{name}=={version}" for name, version in sorted(found.items())]
    head = f"# Python {platform.python_version()}; what {root} needed where this was written"
    return "\n".join([head, *lines, ""])


def _closure(root: str) -> Iterator[tuple[str, str]]:
    """Normalised name and version of a package and of all that it needs."""
    waiting, seen = [_normal(root)], {_normal(root)}
    while waiting:
        name = waiting.pop()
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name == _normal(root):
                raise
            continue
        release = _PUBLIC.match(distribution.version)
        yield name, release[0] if release else "0"
        for needed in distribution.requires or ():
            requirement, _, marker = needed.partition(";")
            match = _NAME.match(requirement)
            extra = _EXTRA.search(marker)
            wanted = extra is None or (extra[1] == TRAIN and name == _normal(root))
            other = _normal(match[0]) if match and wanted else None
            if other is not None and other not in seen:
                seen.add(other)
                waiting.append(other)


def _normal(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()
