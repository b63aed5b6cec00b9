"""Class probabilities of the test images as a record holds them: arrays as text in JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vggstudy.errors import LedgerError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "float32le,uint16le;base64"
"""How the two arrays are written: little-endian bytes, row by row, in base64."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageProbabilities:
    """What a network says of every test image, and what is true.

    Attributes
    ----------
    values : ndarray of float32, shape (N, C)
        Softmax of the network's output; rows add up to one up to rounding.
    targets : ndarray of uint16, shape (N,)
        Classes of the images.
    """

    values: NDArray[np.float32]
    targets: NDArray[np.uint16]

    @property
    def accuracy(self) -> float:
        """Share of images whose most probable class is the true one."""
        return float((self.values.argmax(axis=1) == self.targets).mean())

    def to_json(self) -> dict[str, Any]:
        """JSON values: the format, the shape and both arrays as text."""
        return {
            "format": FORMAT,
            "shape": list(self.values.shape),
            "values": base64.b64encode(self.values.astype("<f4").tobytes()).decode(),
            "targets": base64.b64encode(self.targets.astype("<u2").tobytes()).decode(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ImageProbabilities:
        """Read what `to_json` wrote.

        Raises
        ------
        LedgerError
            If it is of another format, or its arrays do not have the shape that it names.
        """
        import numpy as np

        if stored.get("format") != FORMAT:
            msg = f"test probabilities must have the format {FORMAT}, got {stored.get('format')!r}"
            raise LedgerError(msg)
        try:
            rows, classes = stored["shape"]
            values = np.frombuffer(base64.b64decode(stored["values"], validate=True), dtype="<f4")
            targets = np.frombuffer(base64.b64decode(stored["targets"], validate=True), dtype="<u2")
            return cls(values.reshape(rows, classes), targets.reshape(rows))
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            msg = f"test probabilities are not the arrays that they name: {error}"
            raise LedgerError(msg) from error
