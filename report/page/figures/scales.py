"""Where the levels of a factor stand along an axis, and what names them there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.style import (
    GENEROUS,
    text_width,
)
from vggstudy.report.page.view import Factor
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise

if TYPE_CHECKING:
    from vggstudy.report.page.figures.plot import Plot

TICKS = 18.0
LINE = 13.0
OUTSIDE = 12.0
"""Pixels that a name may reach beyond its panel."""
MOST_LINES = 3
"""Lines of a name that stands upright; longer ones are turned."""
MOST_TURNED = 150.0
"""Length of a turned name, in pixels."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the x factor's levels stand, and what the ticks say."""

    positions: tuple[float, ...]
    labels: tuple[str, ...]
    logarithmic: bool
    worded: bool = False

    @property
    def spacing(self) -> float:
        """The smallest distance between two levels."""
        pairs = zip(self.positions, self.positions[1:], strict=False)
        return min((b - a for a, b in pairs), default=1.0)

    @property
    def pad(self) -> float:
        """Room at either end of the axis."""
        return max(0.7 * self.spacing, 0.1 * (self.positions[-1] - self.positions[0]))

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the axis."""
        return self.positions[0] - self.pad, self.positions[-1] + self.pad

    @property
    def span(self) -> float:
        """Length of the axis: all levels and room at both ends."""
        return self.ends[1] - self.ends[0]


def scale_of(factor: Factor) -> Scale:
    """Log2 where all levels are powers of two, linear where numbers, else evenly spaced."""
    labels = tuple(factor.text(level) for level in factor.levels)
    if not factor.is_numeric:
        places = tuple(float(i) for i in range(len(labels)))
        return Scale(places, labels, logarithmic=False, worded=True)
    if len(labels) > 2 and factor.is_geometric:
        places = tuple(math.log2(level) for level in factor.levels)
        return Scale(places, labels, logarithmic=True)
    return Scale(tuple(float(level) for level in factor.levels), labels, logarithmic=False)


def axis_name(axis: Factor, scale: Scale) -> str:
    """What stands below the x axis."""
    name = capitalise(axis.label)
    return gettext("%(name)s (log scale)") % {"name": name} if scale.logarithmic else name


@dataclass(frozen=True, slots=True)
class Names:
    """What stands below the levels.

    Attributes
    ----------
    labels : tuple of str
        One a level, empty where it has no room.
    turned : bool
        Whether they run upwards.
    height : float
        Pixels below the axis.
    room : float
        Pixels of a level.
    """

    labels: tuple[str, ...]
    turned: bool
    height: float
    room: float

    @property
    def crowded(self) -> bool:
        """Whether turned names would stand on each other."""
        return self.turned and self.room < LINE

    def put(self, plot: Plot, scale: Scale) -> None:
        """Name the levels of an x axis."""
        turned = 90 if self.turned else 0
        plot.name_x(scale.positions, self.labels, linespacing=1.0, rotation=turned)


def names_of(scale: Scale, width: float) -> Names:
    """Numbers where they do not touch; words whole, on lines or turned where columns are narrow.

    Parameters
    ----------
    width : float
        Of the axis, in pixels.
    """
    room = scale.spacing / scale.span * width
    if not scale.worded:
        return Names(tuple(thin(scale, width)), turned=False, height=TICKS, room=room)
    return names_in(scale.labels, room)


def names_in(words: tuple[str, ...], room: float) -> Names:
    """The names of columns of that width; see `names_of`."""
    lines = [_lines(text, room - 4) for text in words]
    deepest = max(map(len, lines), default=1)
    if deepest <= MOST_LINES:
        labels = tuple("\n".join(each) for each in lines)
        return Names(labels, turned=False, height=TICKS + LINE * (deepest - 1), room=room)
    labels = tuple(fit_middle(text, MOST_TURNED) for text in words)
    longest = max(text_width(label, GENEROUS) for label in labels)
    return Names(labels, turned=True, height=longest + 8, room=room)


def _lines(text: str, room: float) -> list[str]:
    """A name on lines, parted behind spaces and marks that join words; too many where it must not.

    A word that has no room would be broken: it counts as more lines than there may be.
    """
    parts = [""]
    for character in text:
        parts[-1] += character
        if character in " -_/":
            parts.append("")
    if any(text_width(part, GENEROUS) > room for part in parts):
        return [""] * (MOST_LINES + 1)
    lines = [""]
    for part in parts:
        if text_width(lines[-1] + part, GENEROUS) > room:
            lines.append("")
        lines[-1] += part
    return [line.strip() for line in lines]


def fit_middle(text: str, width: float) -> str:
    """The text, cut in its middle where it is wider than that: names often differ at their ends."""
    if text_width(text, GENEROUS) <= width:
        return text
    kept = len(text) - 1
    while kept > 2 and text_width(_without_middle(text, kept), GENEROUS) > width:
        kept -= 1
    return _without_middle(text, kept)


def _without_middle(text: str, kept: int) -> str:
    """So many characters of a text, half of them from its end."""
    last = kept // 2
    return f"{text[: kept - last]}…{text[len(text) - last :]}"


def thin(scale: Scale, width: float) -> list[str]:
    """Numbers below an axis; blank where they would touch the next, or a neighbouring panel."""
    pixels = width / scale.span
    longest = max(text_width(label, GENEROUS) for label in scale.labels)
    labels = [*scale.labels]
    following = math.inf
    for i, position in reversed([*enumerate(scale.positions)]):
        place = (position - scale.ends[0]) * pixels
        if following - place < longest or place < (longest - OUTSIDE) / 2:
            labels[i] = ""
        else:
            following = place
    return labels
