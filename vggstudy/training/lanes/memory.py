"""How much of a device's memory a lane takes, and whether another one has room.

Lanes must stay well away from the end of the memory, not only from running out of it: a cuDNN
operation whose workspace cannot be had takes another algorithm without a word, and other bits.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.evaluate import EVALUATION_PIXELS
from vggstudy.training.lanes.streams import BROKEN
from vggstudy.training.nets.build import bare_model

MARGIN = 0.1
"""Share of a device's memory that stays free."""

KEPT = 0.05
"""Share of a device's memory that ended lanes may leave behind before it is given back: that waits
for all lanes, so it is not done for each."""

FIRST_RATIO = 2.0
"""What a lane is taken to hold, as a multiple of what was expected, before any has been measured:
the allocator's rounding and the workspaces of libraries are not in the expectation."""

LIBRARIES = 2**28
"""Bytes of workspaces and handles that a lane brings with it, whatever it trains."""

CHECKED_IMAGES = 2


@dataclass(slots=True)
class MemoryBudget:
    """What the lanes of a device hold, and what another one may.

    Attributes
    ----------
    total : int
        Bytes that all lanes together may hold.
    margin : int
        Bytes of the device that stay free.
    held : dict of place to int
        Bytes of every lane: of its run, or of the recording that is kept there.
    known : dict of str to int
        Most bytes that a lane of a cell has been measured to hold.
    left : int
        Bytes that ended lanes have left to the allocator, where no other lane can use them.
    ratio : float
        Largest ratio of measured to expected bytes, or the first guess.
    """

    total: int
    margin: int
    held: dict[Hashable, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    left: int = 0
    ratio: float = FIRST_RATIO

    @classmethod
    def of(cls, device: torch.device) -> MemoryBudget:
        """What is free on a GPU before the first lane, less the margin."""
        free, total = torch.cuda.mem_get_info(device)
        margin = int(MARGIN * total)
        return cls(total=max(0, free - margin), margin=margin)

    def need(self, cell: str, expected: int | None) -> int:
        """Bytes that a lane of a cell will hold: measured, else guessed, else everything."""
        if cell in self.known:
            return self.known[cell]
        return self.total if expected is None else int(self.ratio * expected)

    def admits(self, need: int, free: int) -> bool:
        """Whether a lane may be added; alone it always may, as waiting would not help it."""
        if not self.held:
            return True
        return sum(self.held.values()) + need <= self.total and need + self.margin <= free

    def took(self, place: Hashable, cell: str, *, used: int, expected: int | None) -> None:
        """Take note of what a lane holds."""
        self.known[cell] = max(self.known.get(cell, 0), used)
        self.held[place] = self.known[cell]
        if expected:
            self.ratio = max(self.ratio, used / expected)

    def release(self, place: Hashable) -> None:
        """A lane has let go of its memory."""
        self.left += self.held.pop(place, 1)  # at least something, if it failed unmeasured

    def should_return(self, cell: str, need: int, free: int) -> bool:
        """Whether memory is to be given back before a lane of a cell begins.

        A cell's first lane is measured, so that it must find none to use; others need room.
        """
        if not self.left:
            return False
        known = cell in self.known
        return not known or not self.admits(need, free) or self.left > KEPT * self.total

    def short(self, free: int) -> bool:
        """Whether the lanes have come into the margin, where bits are no longer safe."""
        return free < self.margin and len(self.held) > 1


def free_bytes(device: torch.device) -> int:
    """Bytes free on a GPU, for whoever asks first."""
    return int(torch.cuda.mem_get_info(device)[0])


def return_memory(device: torch.device) -> None:
    """Give memory that no tensor uses back to the device, so that `free_bytes` tells the truth.

    Says nothing of a broken device: that has been said where it broke.
    """
    if device.type == "cuda" and not BROKEN:
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def expected_bytes(recipe: Recipe, *, n_classes: int, side: int) -> int | None:
    """Bytes that a lane needs at least, from the shapes of its tensors alone.

    Parameters
    ----------
    recipe : Recipe
    n_classes : int
    side : int
        Side of the images in pixels.

    Returns
    -------
    int or None
        Parameters, gradients, the optimizer's state, two more copies of the weights (the best
        ones, and a snapshot), what a step keeps for its backward pass, and the largest
        activations of an evaluation. None where the model cannot be laid out without memory.
    """
    try:
        model = bare_model(recipe.model, n_classes=n_classes, side=side)
        per_image, largest = _activations(model, side)
    except (NotImplementedError, RuntimeError, ValueError):
        return None
    weights: int = sum(each.numel() * each.element_size() for each in model.state_dict().values())
    states = 1 if recipe.training.optimizer == "sgd" else 2
    evaluated: int = max(1, EVALUATION_PIXELS["cuda"] // side**2)
    steps = per_image * recipe.training.batch_size
    return weights * (4 + states) + steps + 3 * largest * evaluated + LIBRARIES


def _activations(model: nn.Module, side: int) -> tuple[int, int]:
    """Bytes an image keeps for the backward pass, and those of the largest single tensor."""
    sizes: list[int] = []
    weights = {id(parameter) for parameter in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in weights:
            sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.empty(CHECKED_IMAGES, 3, side, side, device="meta"))
    return sum(sizes) // CHECKED_IMAGES, max(sizes, default=0) // CHECKED_IMAGES
