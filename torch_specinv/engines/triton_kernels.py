"""The kernels of the engine "triton". It alone imports this file, as it needs the package triton.

A real transform of n samples is a complex one of n / 2: even samples are its real parts and odd
ones its imaginary parts. So frames are complex as they lie in memory, and unpacking, rule and
packing are one kernel between two transforms of the library.
"""

# a kernel has no keyword-only arguments, and names as short as the formulas
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false
# pyright: reportGeneralTypeIssues=false

import triton
import triton.language as tl


@triton.jit
def cut_kernel(
    first, second, window, lengths, ends, frames, row, count, pad, hop, group, groups,
    N: tl.constexpr, BLOCK: tl.constexpr, FRAMES: tl.constexpr, BOTH: tl.constexpr,
    REFLECT: tl.constexpr,
):  # fmt: skip
    """Cut waves (batch, row) into windowed frames (batch, count, N), some frames a program."""
    item = tl.program_id(1).to(tl.int64)
    length = tl.load(lengths + item)
    end = tl.load(ends + item)
    n = tl.arange(0, BLOCK)
    inside = n < N
    w = tl.load(window + n, mask=inside, other=0.0)
    first += item * row
    second += item * row
    for j in tl.static_range(FRAMES):
        frame = tl.program_id(0) * FRAMES + j
        number = group + frame * groups
        at = number * hop + n - pad
        if REFLECT:
            at = tl.abs(at)
            at = tl.where(at >= length, 2 * (length - 1) - at, at)
        # an item has no frames behind its last one
        there = inside & (at >= 0) & (at < length) & (number < end)
        x = tl.load(first + at, mask=there, other=0.0)
        if BOTH:
            x += tl.load(second + at, mask=there, other=0.0)
        tl.store(frames + (item * count + frame) * N + n, x * w, mask=inside & (frame < count))


@triton.jit
def _pair(place, k, mask):
    """Load complex numbers: one access of eight bytes each."""
    both = tl.load(place[:, None] + 2 * k[:, None] + tl.arange(0, 2)[None, :],
                   mask=mask[:, None], other=0.0)  # fmt: skip
    return tl.split(both)


@triton.jit
def _put(place, k, real, imag, mask):
    tl.store(place[:, None] + 2 * k[:, None] + tl.arange(0, 2)[None, :], tl.join(real, imag),
             mask=mask[:, None])  # fmt: skip


@triton.jit
def _project(real, imag, target, TINY: tl.constexpr):
    factor = target * tl.rsqrt(real * real + imag * imag + TINY)
    return real * factor, imag * factor


@triton.jit
def _rule(
    qr, qi, target, variable, memory, k, mask, numbers,
    MOMENTUM: tl.constexpr, MEMORY: tl.constexpr, TINY: tl.constexpr,
):  # fmt: skip
    """Return the estimate of bins k, given the consistent spectrum; the memories are updated."""
    if MOMENTUM:
        er, ei = _project(qr, qi, target, TINY)
    else:
        q = tl.load(numbers)
        r = tl.load(numbers + 1)
        p = tl.load(numbers + 2)
        s = tl.load(numbers + 3)
        x = tl.load(numbers + 4)
        y = tl.load(numbers + 5)
        z = tl.load(numbers + 6)
        e = tl.load(numbers + 7)
        f = tl.load(numbers + 8)
        g = tl.load(numbers + 9)
        cr, ci = _pair(variable, k, mask)
        pr, pi = _project(cr, ci, target, TINY)
        tr = q * qr + r * cr + p * pr
        ti = q * qi + r * ci + p * pi
        if MEMORY:
            mr, mi = _pair(memory, k, mask)
            tr += s * mr
            ti += s * mi
            cr = x * tr + y * mr + z * pr
            ci = x * ti + y * mi + z * pi
        else:
            cr = x * tr + z * pr
            ci = x * ti + z * pi
        pr, pi = _project(cr, ci, target, TINY)
        er = e * pr + f * cr
        ei = e * pi + f * ci
        if MEMORY:
            er += g * tr
            ei += g * ti
            _put(memory, k, tr, ti, mask)
        _put(variable, k, cr, ci, mask)
    return er, ei


@triton.jit
def _row(table, counter, rows, WIDTH: tl.constexpr):
    """Return where the numbers of the iteration at the counter are; beyond the last, its own."""
    return table + tl.minimum(tl.load(counter), rows - 1) * WIDTH


@triton.jit(do_not_specialize=["rows"])
def rule_kernel(
    halves, target, variable, memory, twiddle, table, counter, rows, total,
    M: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr, MOMENTUM: tl.constexpr,
    MEMORY: tl.constexpr, TINY: tl.constexpr,
):  # fmt: skip
    """Apply a row of the table to all frames: halves (frames, M), the others (frames, M + 1).

    A lane has bins k and M - k of a frame, which are made of the same two halves.
    """
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = lane < total
    frame = lane // (M // 2 + 1)
    k = (lane - frame * (M // 2 + 1)).to(tl.int32)
    other = M - k
    numbers = _row(table, counter, rows, WIDTH)
    halves += frame * (2 * M)
    target += frame * (M + 1)
    variable += frame * (2 * M + 2)
    memory += frame * (2 * M + 2)
    ar, ai = _pair(halves, k, mask)
    br, bi = _pair(halves, other % M, mask)
    wr, wi = _pair(twiddle + frame * 0, k, mask)
    # the transforms of the even samples and of the odd ones, turned
    er, ei = 0.5 * (ar + br), 0.5 * (ai - bi)
    hr, hi = 0.5 * (ai + bi), 0.5 * (br - ar)
    tr, ti = hr * wr - hi * wi, hr * wi + hi * wr
    near = tl.load(target + k, mask=mask, other=0.0)
    far = tl.load(target + other, mask=mask, other=0.0)
    xr, xi = _rule(er + tr, ei + ti, near, variable, memory, k, mask, numbers,
                   MOMENTUM, MEMORY, TINY)  # fmt: skip
    # in the middle both are one bin
    same = other == k
    yr, yi = _rule(er - tr, ti - ei, far, variable, memory, other, mask & (other != k), numbers,
                   MOMENTUM, MEMORY, TINY)  # fmt: skip
    yr, yi = tl.where(same, xr, yr), tl.where(same, xi, yi)
    # a real signal has real bins 0 and M
    xi, yi = tl.where(k == 0, 0.0, xi), tl.where(k == 0, 0.0, yi)
    er, ei = 0.5 * (xr + yr), 0.5 * (xi - yi)
    tr, ti = 0.5 * (xr - yr), 0.5 * (xi + yi)
    hr, hi = tr * wr + ti * wi, ti * wr - tr * wi
    _put(halves, k, er - hi, ei + hr, mask)
    _put(halves, other, er + hi, hr - ei, mask & (k > 0) & (other != k))


@triton.jit
def _sum(
    frames, window, at, count, ok, N: tl.constexpr, STRIDE: tl.constexpr, BLOCKS: tl.constexpr
):
    """Add up what frames have at a place of the padded wave."""
    total = tl.zeros(at.shape, dtype=tl.float32)
    last = at // STRIDE
    for j in tl.static_range(BLOCKS):
        frame = last - j
        n = at - frame * STRIDE
        good = ok & (frame >= 0) & (frame < count) & (n < N) & (n >= 0)
        x = tl.load(frames + frame * N + n, mask=good, other=0.0)
        total += x * tl.load(window + n, mask=good, other=0.0)
    return total


@triton.jit(do_not_specialize=["rows"])
def add_kernel(
    frames, window, gain, lengths, wave, extrapolated, table, counter, rows, row, gains, count,
    pad, shift, longest,
    N: tl.constexpr, STRIDE: tl.constexpr, BLOCKS: tl.constexpr, BLOCK: tl.constexpr,
    WIDTH: tl.constexpr, MOMENTUM: tl.constexpr, REFLECT: tl.constexpr,
):  # fmt: skip
    """Window frames (batch, count, N), add them up, fold the padding back, and divide.

    With momentum `wave` is read as the last one before it is written over, and `extrapolated` is
    what is to be analysed next.
    """
    item = tl.program_id(1).to(tl.int64)
    length = tl.load(lengths + item)
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = n < length
    frames += item * count * N
    at = n + pad - shift
    y = _sum(frames, window, tl.maximum(at, 0), count, ok & (at >= 0), N, STRIDE, BLOCKS)
    if REFLECT:
        # what padding is a copy of; only near the ends does anything load
        if tl.program_id(0) * BLOCK <= pad:
            at = pad - n - shift
            left = ok & (n >= 1) & (n <= pad) & (at >= 0)
            y += _sum(frames, window, tl.maximum(at, 0), count, left, N, STRIDE, BLOCKS)
        if (tl.program_id(0) + 1) * BLOCK > length - 1 - pad:
            at = pad + 2 * (length - 1) - n - shift
            right = ok & (n >= length - 1 - pad) & (n < length - 1) & (at >= 0)
            y += _sum(frames, window, tl.maximum(at, 0), count, right, N, STRIDE, BLOCKS)
    y *= tl.load(gain + item * gains + n, mask=ok, other=0.0)
    there = n < longest
    if MOMENTUM:
        alpha = tl.load(_row(table, counter, rows, WIDTH))
        before = tl.load(wave + item * row + n, mask=there, other=0.0)
        tl.store(extrapolated + item * row + n, y + alpha * (y - before), mask=there)
    tl.store(wave + item * row + n, y, mask=there)
