"""What an epoch draws on the host, in another thread while the epoch before it is under way.

It depends on seeds and the epoch's number alone, and comes from generators that nobody else knows:
when it is drawn, and where, changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from vggstudy.identity import Seeds
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training.aside import Background
from vggstudy.training.data.transforms import Augmentation
from vggstudy.training.draws import epoch_order


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an epoch draws before its first step, on the host.

    Attributes
    ----------
    order : Tensor of int64, shape (N,)
        In which it visits its images.
    augmentation : Augmentation or None
        Their flips and crops, where a recipe has any.
    """

    order: Tensor
    augmentation: Augmentation | None

    @classmethod
    def of(
        cls, epoch: int, *, data: DataSettings, seeds: Seeds, count: int, page_locked: bool
    ) -> Drawn:
        """Draw for all images of a training split.

        Parameters
        ----------
        epoch : int
            One-based.
        data : DataSettings
        seeds : Seeds
        count : int
            Images of the split.
        page_locked : bool
            Whether to put it where a device copies from without anybody waiting.
        """
        order, augmentation = epoch_order(seeds.order, epoch, count), None
        if data.flip or data.crop:
            augmentation = Augmentation.draw(
                count, flip=data.flip, crop=data.crop, seed=seeds.augmentation, epoch=epoch
            )
        if not page_locked:
            return cls(order, augmentation)
        return cls(order.pin_memory(), augmentation.page_locked() if augmentation else None)


class Draws:
    """Draws epoch after epoch, at most one ahead.

    Parameters
    ----------
    draw : callable
        Draws an epoch; in any thread.
    thread : Background or None
        Where epochs are drawn ahead; without one each is drawn when it begins.

    Attributes
    ----------
    ahead : tuple of int and Future, or None
        The epoch that has been asked for, and its draws.
    """

    def __init__(self, draw: Callable[[int], Drawn], thread: Background | None) -> None:
        self.draw, self.thread = draw, thread
        self.ahead: tuple[int, Future[Drawn]] | None = None

    def ask(self, epoch: int) -> None:
        """Let an epoch be drawn that will begin later, unless the run stops before."""
        if self.thread is not None:
            self.ahead = (epoch, self.thread.submit(partial(self.draw, epoch)))

    def take(self, epoch: int) -> Drawn:
        """An epoch's draws: those drawn ahead, or new ones where the thread has not come to it."""
        asked, self.ahead = self.ahead, None
        if asked is None or asked[1].cancel() or asked[0] != epoch:
            return self.draw(epoch)
        return asked[1].result()

    def drop(self) -> None:
        """Throw away what was drawn ahead: the run stops."""
        if self.ahead is not None:
            self.ahead[1].cancel()
            self.ahead = None
