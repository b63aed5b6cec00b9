"""Kernels of `fused`: what lies between two convolutions, in one pass over the activations.

Tensors of shape (N, C, H, W) in channels-last layout are matrices of N H W pixels by C channels. A
program takes a tile of some pixels and channels. With pooling, what is counted is not pixels but
windows of 2 x 2, those included that an odd side cuts off, which have no output. A sum over pixels
has two stages: each program adds up its own pixels, and another kernel the programs' sums, as one
tile. Both orders hang on shapes and constants alone; nothing is added atomically.
"""

from __future__ import annotations

import triton
import triton.language as tl

CUT = tl.constexpr(4)
"""Choice of a window whose largest value ReLU cuts off; 0 to 3 are its pixels, line by line."""

SIZES = ["pixels", "rows", "height", "width", "per_split", "splits"]
"""Arguments for whose values no kernel of their own is compiled."""


@triton.jit
def _pixel(row, at, height, width, pool: tl.constexpr):
    """The pixel at a place of a window, and whether the image reaches so far."""
    if pool:
        across = (width + 1) // 2
        down = (height + 1) // 2
        line = row // across
        y = line % down * 2 + at // 2
        x = row % across * 2 + at % 2
        pixel = (line // down * height + y) * width + x
        there = (y < height) & (x < width)
    else:
        pixel = row
        there = row >= 0
    return pixel, there


@triton.jit
def _output(row, height, width, pool: tl.constexpr):
    """The pixel of the output that a window makes, and whether it is whole."""
    if pool:
        across = (width + 1) // 2
        down = (height + 1) // 2
        line = row // across
        y = line % down
        x = row % across
        pixel = (line // down * (height // 2) + y) * (width // 2) + x
        there = (2 * y + 1 < height) & (2 * x + 1 < width)
    else:
        pixel = row
        there = row >= 0
    return pixel, there


@triton.jit
def _offset(pixel, channel, channels):
    """Places in memory, beyond 2 ** 31 as well."""
    return pixel.to(tl.int64) * channels + channel


@triton.jit(do_not_specialize=SIZES)
def activate(
    values, centre, scale, weight, shift, out, choice, rows, height, width, channels,
    normed: tl.constexpr, pool: tl.constexpr,
    block_rows: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    """Normalise or not, add a number a channel, round as the output, take the largest, cut off.

    The first of equal values is the largest, and one that is no number is larger than all.
    """
    row = (tl.program_id(0) * block_rows + tl.arange(0, block_rows))[:, None]
    channel = (tl.program_id(1) * block_channels + tl.arange(0, block_channels))[None, :]
    known = channel < channels
    added = tl.load(shift + channel, mask=known, other=0.0)
    if normed:
        middle = tl.load(centre + channel, mask=known, other=0.0)
        factor = tl.load(scale + channel, mask=known, other=0.0)
        factor *= tl.load(weight + channel, mask=known, other=0.0)
    target, whole = _output(row, height, width, pool)
    tile = (row < rows) & whole & known
    best = tl.zeros([block_rows, block_channels], tl.float32)
    chosen = tl.zeros([block_rows, block_channels], tl.int32)
    for at in tl.static_range(4 if pool else 1):
        pixel, _ = _pixel(row, at, height, width, pool)
        value = tl.load(values + _offset(pixel, channel, channels), mask=tile, other=0.0)
        value = value.to(tl.float32)
        if normed:
            value = (value - middle) * factor
        value = (value + added).to(out.dtype.element_ty).to(tl.float32)
        if at == 0:
            best = value
        else:
            larger = (value > best) | (value != value)
            best = tl.where(larger, value, best)
            chosen = tl.where(larger, at, chosen)
    cut = best <= 0
    best = tl.where(cut, 0.0, best)
    place = _offset(target, channel, channels)
    tl.store(out + place, best.to(out.dtype.element_ty), mask=tile)
    if pool:
        tl.store(choice + place, tl.where(cut, CUT, chosen).to(tl.uint8), mask=tile)


@triton.jit(do_not_specialize=SIZES)
def moments_of_parts(
    values, parts, rows, channels, per_split, splits,
    block_rows: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    """Mean and sum of squared deviations of a program's pixels, as Welford's updates have them."""
    split = tl.program_id(0)
    channel = (tl.program_id(1) * block_channels + tl.arange(0, block_channels))[None, :]
    mean = tl.zeros([block_rows, block_channels], tl.float32)
    spread = tl.zeros([block_rows, block_channels], tl.float32)
    count = tl.zeros([block_rows, 1], tl.float32)
    end = tl.minimum((split + 1) * per_split, rows)
    for first in range(split * per_split, end, block_rows):
        row = (first + tl.arange(0, block_rows))[:, None]
        tile = (row < end) & (channel < channels)
        value = tl.load(values + _offset(row, channel, channels), mask=tile, other=0.0)
        value = value.to(tl.float32)
        count += (row < end).to(tl.float32)
        gap = tl.where(tile, value - mean, 0.0)
        mean += gap * (1.0 / tl.maximum(count, 1.0))
        spread += gap * tl.where(tile, value - mean, 0.0)
    _store_moments(parts, mean, spread, count, split, splits, channel, channels)


@triton.jit
def _store_moments(parts, mean, spread, count, split, splits, channel, channels):
    """Bring the lines of a tile together."""
    middle = tl.sum(mean * count, axis=0, keep_dims=True) / tl.sum(count, axis=0, keep_dims=True)
    around = (mean - middle) * (mean - middle) * count
    squares = tl.sum(spread, axis=0, keep_dims=True) + tl.sum(around, axis=0, keep_dims=True)
    place = parts + split * channels + channel
    tl.store(place, middle, mask=channel < channels)
    tl.store(place + splits * channels, squares, mask=channel < channels)


@triton.jit(do_not_specialize=SIZES)
def moments(
    parts, bias, centre, scale, running_mean, running_var, rows, channels, per_split, splits,
    momentum, eps,
    block_splits: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    """Bring the programs' moments together; move the running ones, which count the bias."""
    split = tl.arange(0, block_splits)[:, None]
    channel = (tl.program_id(0) * block_channels + tl.arange(0, block_channels))[None, :]
    known = channel < channels
    tile = (split < splits) & known
    place = parts + split * channels + channel
    means = tl.load(place, mask=tile, other=0.0)
    squares = tl.load(place + splits * channels, mask=tile, other=0.0)
    count = tl.minimum(tl.maximum(rows - split * per_split, 0), per_split).to(tl.float32)
    mean = tl.sum(means * count, axis=0, keep_dims=True) / rows
    around = tl.where(tile, (means - mean) * (means - mean) * count, 0.0)
    total = tl.sum(squares, axis=0, keep_dims=True) + tl.sum(around, axis=0, keep_dims=True)
    tl.store(centre + channel, mean, mask=known)
    tl.store(scale + channel, 1.0 / tl.sqrt_rn(total / rows + eps), mask=known)
    mean += tl.load(bias + channel, mask=known, other=0.0)
    before = tl.load(running_mean + channel, mask=known, other=0.0)
    tl.store(running_mean + channel, before + momentum * (mean - before), mask=known)
    before = tl.load(running_var + channel, mask=known, other=0.0)
    unbiased = total / (rows - 1)
    tl.store(running_var + channel, before + momentum * (unbiased - before), mask=known)


@triton.jit
def _arriving(grad, kept, row, rows, height, width, channel, channels, pool: tl.constexpr):
    """Gradient at the output, where ReLU lets it through, and the pixel that it goes to."""
    target, whole = _output(row, height, width, pool)
    tile = (row < rows) & whole & (channel < channels)
    place = _offset(target, channel, channels)
    arriving = tl.load(grad + place, mask=tile, other=0.0).to(tl.float32)
    mark = tl.load(kept + place, mask=tile, other=0)
    if pool:
        chosen = mark.to(tl.int32)
        arriving = tl.where(chosen == CUT, 0.0, arriving)
    else:
        chosen = tl.zeros_like(arriving).to(tl.int32)
        arriving = tl.where(mark.to(tl.float32) <= 0, 0.0, arriving)
    return arriving, chosen, tile


@triton.jit(do_not_specialize=SIZES)
def gradients_of_parts(
    grad, kept, values, centre, scale, parts, result, rows, height, width, channels,
    per_split, splits,
    normed: tl.constexpr, pool: tl.constexpr,
    block_rows: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    """A program's sums of the gradient, and of its products with the normalised values.

    Without normalisation the gradient goes on to ``result`` as it is.
    """
    split = tl.program_id(0)
    channel = (tl.program_id(1) * block_channels + tl.arange(0, block_channels))[None, :]
    known = channel < channels
    plain = tl.zeros([block_rows, block_channels], tl.float32)
    product = tl.zeros([block_rows, block_channels], tl.float32)
    if normed:
        middle = tl.load(centre + channel, mask=known, other=0.0)
        factor = tl.load(scale + channel, mask=known, other=0.0)
    end = tl.minimum((split + 1) * per_split, rows)
    for first in range(split * per_split, end, block_rows):
        row = (first + tl.arange(0, block_rows))[:, None]
        found = _arriving(grad, kept, row, end, height, width, channel, channels, pool)
        plain += found[0]
        if normed:
            pixel, _ = _pixel(row, found[1] % CUT, height, width, pool)
            place = _offset(pixel, channel, channels)
            value = tl.load(values + place, mask=found[2], other=0.0).to(tl.float32)
            product += tl.where(found[2], found[0] * ((value - middle) * factor), 0.0)
        else:
            for at in tl.static_range(4 if pool else 1):
                pixel, there = _pixel(row, at, height, width, pool)
                going = tl.where(found[1] == at, found[0], 0.0).to(result.dtype.element_ty)
                tile = (row < end) & there & known
                tl.store(result + _offset(pixel, channel, channels), going, mask=tile)
    place = parts + split * channels + channel
    tl.store(place, tl.sum(plain, axis=0, keep_dims=True), mask=known)
    if normed:
        place += splits * channels
        tl.store(place, tl.sum(product, axis=0, keep_dims=True), mask=known)


@triton.jit(do_not_specialize=SIZES)
def total(parts, sums, channels, splits, block_splits: tl.constexpr, block_channels: tl.constexpr):
    """Add up the programs' sums, of which there are ``program_id(1)`` kinds."""
    split = tl.arange(0, block_splits)[:, None]
    channel = (tl.program_id(0) * block_channels + tl.arange(0, block_channels))[None, :]
    known = channel < channels
    kind = tl.program_id(1)
    place = parts + (kind * splits + split) * channels + channel
    found = tl.load(place, mask=(split < splits) & known, other=0.0)
    summed = tl.sum(found, axis=0, keep_dims=True)
    tl.store(sums + kind * channels + channel, summed, mask=known)


@triton.jit(do_not_specialize=SIZES)
def through_norm(
    grad, kept, values, centre, scale, weight, sums, result, pixels, rows, height, width, channels,
    trained: tl.constexpr, pool: tl.constexpr,
    block_rows: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    """The gradient of what was normalised; its statistics were of these values if ``trained``."""
    row = (tl.program_id(0) * block_rows + tl.arange(0, block_rows))[:, None]
    channel = (tl.program_id(1) * block_channels + tl.arange(0, block_channels))[None, :]
    known = channel < channels
    middle = tl.load(centre + channel, mask=known, other=0.0)
    factor = tl.load(scale + channel, mask=known, other=0.0)
    outer = factor * tl.load(weight + channel, mask=known, other=0.0)
    arriving, chosen, _ = _arriving(grad, kept, row, rows, height, width, channel, channels, pool)
    if trained:
        mean = tl.load(sums + channel, mask=known, other=0.0) / pixels
        slope = tl.load(sums + channels + channel, mask=known, other=0.0) / pixels
    for at in tl.static_range(4 if pool else 1):
        pixel, there = _pixel(row, at, height, width, pool)
        place = _offset(pixel, channel, channels)
        tile = (row < rows) & there & known
        going = tl.where(chosen == at, arriving, 0.0)
        if trained:
            value = tl.load(values + place, mask=tile, other=0.0).to(tl.float32)
            going -= mean + (value - middle) * factor * slope
        tl.store(result + place, (outer * going).to(result.dtype.element_ty), mask=tile)
