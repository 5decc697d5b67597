"""A bank of sums over bins as compiled code reads it, and magnitudes that have such sums.

A row of a bank, of its transpose, and of the inverse of their product has few weights that count,
one beside the other. So each is a table: where they begin, and equally many for every row.

Where only neighbouring bands overlap, the product is tridiagonal, :math:`L D L^T`. If it has an
inverse, the table has two numbers for each band instead, :math:`L_{k,k-1}` and :math:`1 / D_k`,
which solve the same equations in fewer steps.
"""

from __future__ import annotations

from ctypes import byref, c_int64
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .library import Bank, check_outcome, library, sizes_of, widths

# Entries of an inverse below this share of the largest in their row are less than rounding.
_NOTHING = 1e-8
#: In how many bands a bin of a banded bank is at most.
MOST_BANDS = 16
# Powers that are worth a thread
_WORTH_A_THREAD = 2**18


@dataclass(frozen=True, eq=False)
class BankTables:
    """A bank (bands, bins), and the inverse of the bank times its transpose."""

    first: Tensor
    """For each bin, int32 (bins,): a band from which on there are all that it is in."""
    weights: Tensor
    """Its weights in these, float32 (bins, reach)."""
    shares: Tensor
    """1 / the sum of its weights, or 0 where it is in no band, float32 (bins,)."""
    inverse_first: Tensor
    """For each band, int32 (bands,): one from which on its row of the inverse is not 0."""
    inverse: Tensor
    """These parts of its rows, float32 (bands, spread); or, of more than two bands, the factors of
    what it is the inverse of, float32 (bands, 2)."""

    @classmethod
    def of(cls, bank: Tensor, inverse: Tensor) -> BankTables:
        """Make the tables of a bank (bands, bins) and of the inverse (bands, bands)."""
        columns = bank.sum(0)
        shares = torch.where(columns > 0, 1 / torch.where(columns > 0, columns, 1), 0)
        factors = _factors(bank @ bank.mT, inverse)
        if factors is None:
            least = _NOTHING * inverse.abs().amax(1, keepdim=True)
            solving = _rows(torch.where(inverse.abs() > least, inverse, 0), 3)
        else:
            solving = torch.zeros(len(bank), dtype=torch.int32, device="cpu"), factors
        return cls(*_rows(bank.mT), shares.float().contiguous(), *solving)

    @property
    def reach(self) -> int:
        """In how many bands a bin is at most, with those between them."""
        return self.weights.shape[1]

    @property
    def is_banded(self) -> bool:
        """Whether a bin is in few bands; else general products are faster."""
        return self.reach <= MOST_BANDS

    def in_order(self, order: Tensor) -> BankTables:
        """Return the tables with the bins in another order."""
        bins = {name: getattr(self, name)[order] for name in ("first", "weights", "shares")}
        return replace(self, **bins)


@dataclass(frozen=True, eq=False)
class NativeBank:
    """What iterations on sums over bins are told of them."""

    tables: BankTables
    """With the bins in the order of spectra."""
    power: int
    """1 or 2: what is added up are magnitudes, or their squares."""
    gains: Tensor | None = None
    """As the magnitude of all bins, for iterations with a variable, to write to."""
    starts: bool = False
    """Whether the variable is taken for its own projection, as a starting spectrum is."""
    scales: bool = False
    """Whether what is known is by what the sums of the wave are to be multiplied."""

    def told(self) -> Bank:
        """Return it for a call, as long as this exists."""
        tensors, gains = vars(self.tables), self.gains
        sizes = sizes_of(*tensors.values(), *([] if gains is None else [gains]))
        return Bank(
            bands=len(self.tables.inverse), power=self.power, reach=self.tables.reach,
            spread=self.tables.inverse.shape[1], starts=self.starts, scales=self.scales,
            sizes=(c_int64 * 6)(*sizes),
            gains=None if gains is None else gains.data_ptr(),
            **{name: tensor.data_ptr() for name, tensor in tensors.items()},
        )  # fmt: skip


def smooth(tables: BankTables, sums: Tensor, updates: int) -> Tensor:
    """Return powers (frames, bins) with these sums (frames, bands), float32, on a CPU.

    They start from the sums, spread over their bins, and come nearer to them by so many
    multiplicative updates; see :meth:`torch_specinv.constraints.Bands.magnitude`.
    """
    bins, sums = len(tables.first), sums.contiguous()
    powers = sums.new_empty(len(sums), bins)
    threads = max(1, min(torch.get_num_threads(), powers.numel() // _WORTH_A_THREAD))
    told = NativeBank(tables, 1).told()
    outcome = library().specinv_smooth(
        byref(told), widths()[0], bins, len(sums), updates, threads, sums.data_ptr(),
        powers.data_ptr(), sizes_of(sums, powers),
    )  # fmt: skip
    check_outcome(outcome, "for smooth magnitudes")
    return powers


def _factors(product: Tensor, inverse: Tensor) -> Tensor | None:
    """Return the factors of a tridiagonal product (bands, bands), or None where there are none."""
    whole = torch.eye(len(product), dtype=product.dtype, device="cpu")
    solvable = torch.allclose(product @ inverse, whole, atol=1e-6)
    if len(product) < 3 or not solvable or bool(product.triu(2).any()):
        return None
    rows, before = list[tuple[float, float]](), 1.0
    beside = [0.0, *product.diagonal(1).tolist()]
    for own, other in zip(product.diagonal().tolist(), beside, strict=True):
        share = other * before
        before = 1 / (own - share * other)
        rows.append((share, before))
    return torch.tensor(rows, dtype=torch.float32, device="cpu")


def _rows(matrix: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Return where the part of each row begins that is not 0, and parts that are equally long.

    They have `least` columns, if there are as many.
    """
    there, columns = matrix != 0, matrix.shape[1]
    first = there.int().argmax(1)
    end = columns - there.flip(1).int().argmax(1)
    length = max(int(torch.where(there.any(1), end - first, 1).max()), min(least, columns))
    first = first.clamp_max(columns - length)
    places = first.unsqueeze(1) + torch.arange(length, device="cpu")
    return first.int(), matrix.gather(1, places).float().contiguous()
