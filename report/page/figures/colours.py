"""Viridis for shares, with text on it that can be read."""

from __future__ import annotations


def viridis(share: float) -> str:
    """The colour of a share in [0, 1] as ``#rrggbb``."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return str(to_hex(colormaps["viridis"](share)))


def on_viridis(share: float) -> str:
    """White or near-black, whichever contrasts more with the colour (WCAG 2 luminance)."""
    light = _luminance(viridis(share))
    return "#ffffff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.055 else "#111111"


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
