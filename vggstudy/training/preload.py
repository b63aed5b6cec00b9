"""What trains, and what it would import within a process's first run: torch's compiler.

Nothing here compiles, but a process's first optimizer imports the compiler, for a second.
"""

from __future__ import annotations

import torch._dynamo  # noqa: F401

import vggstudy.training.run  # noqa: F401
