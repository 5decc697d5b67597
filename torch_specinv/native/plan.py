"""A transform as the native code reads it, and the calls to that code."""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Sequence
from ctypes import byref
from threading import current_thread, main_thread
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..transform.geometry import Geometry
from ..transform.sizes import ceil_div
from ..transform.stft import STFT
from ..transform.windows import periodic_envelope
from .bands import NativeBank
from .boundary import boundary_of
from .layout import Layout, window_part
from .library import (
    POINTERS,
    Job,
    Outcome,
    Plan,
    Row,
    Rule,
    check_outcome,
    library,
    sizes_of,
)
from .tables import arrays_of

# Bytes of the widest registers. Memory that torch allocates begins at a multiple of it.
_ALIGNMENT = 64


def _tables(stft: STFT, layout: Layout, batch: int) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Return what the native code reads of a transform of a batch: arrays, and their sizes."""
    g = stft.geometry
    first, end = window_part(stft)
    window = g.window[first:end].double()
    envelope = periodic_envelope(window, g.hop_length)
    whole = envelope.repeat(ceil_div(len(window), g.hop_length))[: len(window)]
    synthesis = torch.where(whole > 0, window / torch.where(whole > 0, whole, 1), 0)
    ragged = stft.frame_mask is not None
    edges = boundary_of(stft, layout, first, envelope, batch if ragged else 1)
    arrays = {
        **arrays_of(g, window, synthesis),
        "frames": (stft.lengths_and_last_frames(batch)[1] + 1).contiguous(),
        "edges": edges.ranges.expand(batch, -1).contiguous(),
        "sums": edges.sums,
        "terms": edges.terms,
        "weights": edges.weights,
        "places_to_fill": edges.places,
        "fillings": edges.fillings,
    }
    counts = {
        "most_sums": int((edges.ranges[:, 1] - edges.ranges[:, 0]).max()),
    }
    return arrays, counts


# They live as long as the transform, which is kept where many calls are made with one geometry
_KEPT: WeakKeyDictionary[STFT, OrderedDict[Any, Any]] = WeakKeyDictionary()
# Layouts and batches of one transform
_MOST = 4


def _kept_tables(
    stft: STFT, layout: Layout, batch: int
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Return the tables, which may have been made before."""
    kept = _KEPT.setdefault(stft, OrderedDict())
    found = kept.get((layout, batch)) or _tables(stft, layout, batch)
    kept[layout, batch] = found
    while len(kept) > _MOST:
        kept.popitem(last=False)
    return found


def checked_plan(geometry: Geometry, arrays: dict[str, Tensor], width: int, **numbers: int) -> Plan:
    """Return a plan of arrays that are held elsewhere, in registers of so many floats.

    Raises
    ------
    AssertionError
        If tables do not fit each other.
    """
    g = geometry
    plan = Plan(
        n_fft=g.n_fft, hop=g.hop_length, bins=g.bins, stages=len(arrays["radices"]),
        sum_count=len(arrays["sums"]) - 1, term_count=len(arrays["terms"]),
        filling_count=len(arrays["fillings"]), **numbers,
        **{name: array.data_ptr() for name, array in arrays.items()},
    )  # fmt: skip
    sizes = sizes_of(*(arrays[name] for name in POINTERS))
    if library().specinv_check(byref(plan), width, sizes) != Outcome.DONE:
        raise AssertionError(f"{g!r} in {numbers}: tables that do not fit each other")
    return plan


class NativePlan:
    """A transform of a batch, ready for the native code.

    Parameters
    ----------
    stft : STFT
        The transform: one-sided, float32, on a CPU, with an n_fft that :func:`radices_of` takes.
    batch : int
        Items of the batch.
    layout : Layout
        Where samples and bins are in memory.
    threads : int
        The most threads that may share the work.
    """

    def __init__(self, stft: STFT, batch: int, layout: Layout, threads: int) -> None:
        g = stft.geometry
        self.layout, self.batch, self._stft = layout, batch, stft
        self._arrays, counts = _kept_tables(stft, layout, batch)
        self._first, end = window_part(stft)
        self._plan = checked_plan(
            g, self._arrays, layout.width, first=self._first, support=end - self._first,
            batch=batch, groups=layout.groups, segment=layout.segment, turns=layout.turns,
            shared=layout.groups > 1, threads=threads, **counts,
        )  # fmt: skip

    def pack(self, spectrum: Tensor) -> Tensor:
        """Copy magnitudes or spectra (batch, bins, frames) into lanes; see `Layout.spectra`."""
        g, parts = self._stft.geometry, 2 if spectrum.is_complex() else 1
        if spectrum.shape != (self.batch, g.bins, g.frames):
            raise AssertionError(f"a spectrum of shape {tuple(spectrum.shape)} for {self._stft!r}")
        plain = spectrum.detach().mT.resolve_conj().resolve_neg()
        plain = torch.view_as_real(plain) if parts == 2 else plain
        plain = plain.to(torch.float32).contiguous()
        packed = self.layout.spectra(self.batch, g.bins, parts)
        self._pack(packed, plain, parts, out=False)
        return packed

    def unpack_magnitude(self, packed: Tensor) -> Tensor:
        """Copy magnitudes out of the lanes, to (batch, bins, frames)."""
        g = self._stft.geometry
        plain = packed.new_zeros(self.batch, g.frames, g.bins)
        self._pack(packed, plain, 1, out=True)
        return plain.mT

    def _pack(self, packed: Tensor, plain: Tensor, parts: int, *, out: bool) -> None:
        outcome = library().specinv_pack(
            byref(self._plan), self.layout.width, packed.data_ptr(), plain.data_ptr(),
            plain.shape[1], parts, out, sizes_of(packed, plain),
        )  # fmt: skip
        check_outcome(outcome, "to pack spectra")

    @property
    def order(self) -> Tensor:
        """The bins in the order of spectra."""
        return self._arrays["order"]

    def waves(self) -> Tensor:
        """Return zeros for the waves of the batch; see :meth:`Layout.waves`."""
        return self.layout.waves(self.batch)

    def spectra(self) -> Tensor:
        """Return memory for the spectra of the batch; see :meth:`Layout.spectra`."""
        return self.layout.spectra(self.batch, self._stft.geometry.bins, 2)

    def sums(self) -> Tensor:
        """Return zeros to which squared distances are added; see :meth:`Layout.sums`."""
        return self.layout.sums(self.batch)

    def unpack(self, waves: Tensor) -> Tensor:
        """Copy waves out of the lanes, to (batch, length)."""
        g = self._stft.geometry
        # sample 0 of the lanes is where the first window begins, which may be after the padding
        begin = max(self._first, g.padding)
        shape = self.batch, g.length + g.padding - begin
        plain = torch.empty(*shape, dtype=torch.float32, device="cpu")
        self._carry(waves, plain, self._first - begin, lay=False)
        return self._stft.cut(plain, begin)

    def lay(self, wave: Tensor) -> Tensor:
        """Copy waves (batch, length) into lanes, continued beyond their ends as frames see them."""
        plain, lanes = self._stft.pad(wave).contiguous(), self.waves()
        self._carry(lanes, plain, self._first, lay=True)
        return lanes

    def _carry(self, lanes: Tensor, rows: Tensor, shift: int, *, lay: bool) -> None:
        """Copy samples; sample n of the lanes is sample n + shift of a row."""
        outcome = library().specinv_carry(
            byref(self._plan), self.layout.width, lanes.data_ptr(), rows.data_ptr(), shift,
            rows.shape[1], lay, sizes_of(lanes, rows),
        )  # fmt: skip
        check_outcome(outcome, "to copy waves")

    def run(
        self,
        rule: Rule,
        rows: Sequence[Row],
        waves: Sequence[Tensor],
        magnitude: Tensor,
        memory: Sequence[Tensor] = (),
        bank: NativeBank | None = None,
        kept: Tensor | None = None,
        gradient: Tensor | None = None,
        phase: Tensor | None = None,
    ) -> None:
        """Carry out iterations, in the memory that is passed.

        All tensors are float32, contiguous, on a CPU, and aligned to 64 bytes, as tensors are that
        torch has allocated. A view into a tensor need not be.

        Parameters
        ----------
        rule : Rule
            What happens to each bin.
        rows : sequence of Row
            The numbers of each iteration.
        waves : sequence of Tensor
            Two waves as :meth:`waves` returns them: the newest, and the one before it. An iteration
            writes its wave over the older one. So after an odd number of iterations with one turn,
            the second is the newest.
        magnitude : Tensor
            The target, as :meth:`pack` returns it; of a bank as :meth:`Layout.bands` does.
        memory : sequence of Tensor
            Spectra as :meth:`pack` returns them: none, the variable c, or c and the memory m of
            :class:`~torch_specinv.solve.Relaxation`.
        bank : NativeBank, optional
            The bank whose sums are known, if it is not the magnitudes.
        kept : Tensor, optional
            Where iterations of Griffin-Lim are to write the waves that they analyse, and where the
            way back reads them, which goes from the last to the first: (iterations, ...).
        gradient : Tensor, optional
            On the way back, to what the derivative for the magnitude is added, in its shape.
        phase : Tensor, optional
            The phase to begin at, (batch, frames, bins), in radians, below thousands of turns.

        Raises
        ------
        AssertionError
            If a tensor is not aligned, or is larger or smaller than it should be.
        RuntimeError
            If there is no memory for the threads.
        """
        if len(waves) != 2 or len(memory) > 2:
            raise AssertionError("sizes that do not fit: two waves, and at most two spectra")
        spectra = [*memory, *[None] * (2 - len(memory))]
        given = [*waves, magnitude, *spectra, kept, gradient, phase]
        of_bank = None if bank is None else bank.gains
        held = [tensor for tensor in (*given, of_bank) if tensor is not None]
        if any(tensor.data_ptr() % _ALIGNMENT for tensor in held if tensor is not phase):
            raise AssertionError(f"memory that is not aligned to {_ALIGNMENT} bytes")
        if any(t.dtype != torch.float32 or not t.is_contiguous() for t in held):
            raise AssertionError("memory that is no row of floats")
        places = [None if tensor is None else tensor.data_ptr() for tensor in given]
        job = Job(
            rule=rule,
            count=len(rows),
            rows=(Row * len(rows))(*rows),
            waves=(ctypes.c_void_p * 2)(*places[:2]),
            magnitude=places[2],
            variable=places[3],
            memory=places[4],
            kept=places[5],
            gradient=places[6],
            phase=places[7],
            frames=0 if phase is None else phase.shape[1],
            sizes=(ctypes.c_int64 * 8)(*(0 if x is None else x.numel() for x in given)),
            bank=None if bank is None else ctypes.pointer(bank.told()),
            main=current_thread() is main_thread(),
        )
        run = library().run_with_lock if job.main else library().specinv_run
        outcome = run(byref(self._plan), self.layout.width, byref(job))
        check_outcome(outcome, "for the threads of the native engine")
