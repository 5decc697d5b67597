"""The iterations of a rule between the spectra of a few active frames and their signal."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..constraints.base import Constraint
from ..constraints.bounded import Limited
from ..plugins import guarded
from ..solve.algorithm import PointwiseAlgorithm, Step
from ..solve.checked import CheckedRule
from ..transform.frames import cut, restore_frames, transform_frames
from ..transform.geometry import Geometry
from .overlap import Overlap


@dataclass(frozen=True, eq=False)
class Iteration:
    """A rule for a few frames at a time, which begins anew with each call."""

    geometry: Geometry
    overlap: Overlap
    algorithm: PointwiseAlgorithm
    max_iter: int
    exact_gradient: bool
    """Whether the gradient is the derivative, or limited where a phase amplifies it."""

    def __call__(
        self,
        estimate: Tensor,
        present: Tensor,
        constraint: Constraint,
        level: Tensor,
        committed: Tensor,
        envelope: Tensor,
    ) -> Tensor:
        """Return the spectra (batch, frames, bins) of the active frames after all iterations.

        Parameters
        ----------
        estimate : Tensor
            The spectra to start from.
        present : Tensor
            Which of the frames exist, (batch, frames).
        constraint : Constraint
            What is known of them, scaled by `level`.
        level : Tensor
            What the waves of each item are divided by, (batch,).
        committed, envelope : Tensor
            The sum of all earlier frames, and the squared windows of these, (batch, samples).
        """
        # not when it is made: a guarded rule can't be pickled
        g, rule = self.geometry, guarded(self.algorithm, CheckedRule)
        envelope = envelope + self.overlap.envelope(present)
        committed = committed / level[:, None]
        level = level[:, None, None]

        # what a constraint leaves open in an absent frame is absent as well
        present = present.unsqueeze(-1)

        def synthesise(spectra: Tensor) -> Tensor:
            frames = restore_frames(constraint.before_synthesis(spectra).mT, g) * present
            return self.overlap.divide(committed + self.overlap.signal(frames), envelope)

        spectra = (estimate / level).mT
        limited = constraint if self.exact_gradient else Limited(constraint)
        extrapolated = synthesise(spectra)
        memory, past = rule.begin(spectra, limited), rule.remember(extrapolated)
        for number in range(self.max_iter):
            step = Step(number, self.max_iter)
            consistent = transform_frames(cut(extrapolated, g.n_fft, g.hop_length), g).mT
            spectra, memory = rule.rule(consistent, memory, limited, step)
            if number + 1 < self.max_iter:
                extrapolated, past = rule.mix(synthesise(spectra), past, step)
        answer = rule.answer(memory, limited)
        answer = constraint.before_synthesis(spectra if answer is None else answer)
        return answer.mT * level * present
