"""A solver whose steps are recorded once on a CUDA device, and played back.

A GPU computes a step on a short clip faster than its kernels can be launched one by one. What is
recorded is the solver's own `advance`, once its state has its final shape: a single step, or ten of
them as one launch. Numbers that change with time lie in a table on the device, at a counter that
the recording itself advances, so that one recording serves every step.

A recording is trusted only after it was compared with the steps themselves. Where it differs, or
can't be made, the steps are made one by one, from the state as it was. The last few recordings are
kept: for another problem of the same shapes the tensors that they read are written over.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import warn
from ..forks import lock_for_forks
from .memory import is_full
from .recording import Recorder, copy_into, describe, own_copy, record
from .solver import Solver, each_tensor

# How many steps are one launch, if there are as many
_AT_ONCE = 10
# How many recordings are kept
_KEPT = 4
# Between a recording and the steps themselves, relative to the norm of a tensor
_NEAR = 1e-3


@dataclass(eq=False)
class Recording:
    """Steps of a solver of its own, in memory of its own."""

    description: Any
    """What solver and state are like, see :func:`describe`."""
    solver: Solver[Any]
    """Makes the steps; its tensors are those that the recording reads."""
    constants: list[Tensor]
    """These tensors."""
    counter: Tensor | None
    """Which step is next, for what depends on it."""
    memory: Any
    """The state that is worked on."""
    recorder: Recorder
    plays: dict[int, Callable[[], None]] = field(default_factory=dict[int, Callable[[], None]])
    """What makes so many steps."""
    holds: weakref.ref[Any] | None = None
    """The state, as it was handed out, whose values the memory holds."""
    user: object = None
    """Whose problem the tensors hold."""

    def play(self, state: Any, until: int, plain: Solver[Any]) -> Any:
        """Return the state after `until` steps in all; `plain` makes the same ones."""
        if self.holds is None or self.holds() is not state:
            copy_into(_tensors(self.memory), _tensors(state))
        left = until - state.iteration
        if self.counter is not None:
            self.counter.fill_(state.iteration)
        for size in (_AT_ONCE, 1):
            times, left = divmod(left, size)
            if times and size not in self.plays:
                self._record(size, until - left - size * times, plain)
            for _ in range(times):
                self.plays[size]()
        after = replace(each_tensor(self.memory, torch.clone), iteration=until)
        self.holds = weakref.ref(after)
        return after

    def _record(self, size: int, iteration: int, plain: Solver[Any]) -> None:
        """Record so many steps, and compare them with the steps themselves."""
        memory, places = self.memory, _tensors(self.memory)
        owned = {place.untyped_storage().data_ptr() for place in places}
        before = each_tensor(memory, torch.clone)

        def go_back() -> None:
            copy_into(places, _tensors(before))
            if self.counter is not None:
                self.counter.fill_(iteration)

        def steps() -> None:
            state = memory
            for _ in range(size):
                number = memory.iteration
                state = replace(self.solver.advance(state, number + 1), iteration=number)
                if self.counter is not None:
                    self.counter.add_(1)
            new = _tensors(state)
            # what was written in place is there already
            safe = [
                t.clone() if t is not place and t.untyped_storage().data_ptr() in owned else t
                for t, place in zip(new, places, strict=True)
            ]
            copy_into(places, safe)

        play = self.recorder(steps, places[0].device)
        if not self.plays:  # a step, beside what another solver makes of it: rounded otherwise
            go_back()
            state = replace(memory, iteration=memory.iteration)
            once = each_tensor(self.solver.advance(state, state.iteration + 1), torch.clone)
            start = replace(each_tensor(before, torch.clone), iteration=iteration)
            self._trust(_tensors(once), _tensors(plain.advance(start, iteration + 1)))
        go_back()
        steps()
        expected = [place.clone() for place in places]
        go_back()
        play()
        self._trust(places, expected)
        go_back()
        self.plays[size] = play

    @staticmethod
    def _trust(found: list[Tensor], expected: list[Tensor]) -> None:
        if not _alike(found, expected):
            raise RuntimeError("played back, they are others")


class Recorded(Solver[Any]):
    """Plays back the steps of another solver.

    Parameters
    ----------
    plain : Solver
        Makes the first steps, and all where nothing can be recorded.
    settled : int, default 1
        After how many steps its states keep their shapes, and its steps are alike.
    steady : tuple of Solver and Tensor, optional
        A solver that makes the same steps without looking at their numbers, and the counter
        (1,), int64, that tells it which is next. Default: `plain` itself, whose steps are all
        alike.
    recorder : callable, optional
        Records a function.
    """

    def __init__(
        self,
        plain: Solver[Any],
        settled: int = 1,
        steady: tuple[Solver[Any], Tensor] | None = None,
        recorder: Recorder = record,
    ) -> None:
        self.plain, self.settled, self.steady, self.recorder = plain, settled, steady, recorder
        self.steps = plain.steps
        # another number of items would be another recording
        self.failed, self.keeps_shape, self._own = False, True, None

    def fail(self) -> None:
        """Make the steps one by one from now on."""
        self.failed, self.keeps_shape = True, False

    def start(self, spectrum: Any) -> Any:
        """Return the state before the first step."""
        return self.plain.start(spectrum)

    @torch.no_grad()
    def advance(self, state: Any, until: int) -> Any:
        """Make steps; from the state on that has the final shape they are played back."""
        settled = min(self.settled, until)
        if state.iteration < settled:
            state = self.plain.advance(state, settled)
        if until <= state.iteration:
            return state
        if self.failed or (until > self.steps and not self.goes_on(until)):
            return self.plain.advance(state, until)
        try:
            return self._play(state, until)
        except RuntimeError as error:
            self.fail()
            if is_full(error):  # a recording takes memory of its own
                KEPT.clear()
                return self.plain.advance(state, until)
            warn(
                f"the steps of {type(self.plain).__name__} can't be recorded "
                f"({str(error).partition(chr(10))[0]}): they are launched one by one.",
                RuntimeWarning,
            )
            return self.plain.advance(state, until)

    def goes_on(self, until: int) -> bool:
        """Whether steps beyond the budget, of a run that is resumed, are like the last one."""
        del until
        return True

    def _play(self, state: Any, until: int) -> Any:
        """Play back, and keep the recording."""
        solver, counter = (self.plain, None) if self.steady is None else self.steady
        description, tensors = describe(solver)
        inference = torch.is_inference_mode_enabled()
        shapes = [(tuple(x.shape), x.dtype, x.device) for x in _tensors(state)]
        description = description, type(state), shapes, inference
        recording = self._own or KEPT.take(description)
        if recording is None:
            recording = self._recording(solver, counter, description, state)
        elif recording.user is not self:
            copy_into(recording.constants, tensors)
        recording.user = self
        after = recording.play(state, until, self.plain)
        if recording.description is None:
            self._own = recording
        else:
            KEPT.keep(recording)
        return after

    def _recording(
        self, solver: Solver[Any], counter: Tensor | None, description: Any, state: Any
    ) -> Recording:
        """Return a recording without anything recorded yet."""
        own = own_copy((solver, counter))
        if own is None or describe(own[0])[0] != description[0]:
            # it depends on something that can't be copied, and is for this solver alone
            description, own = None, (solver, counter)
        memory = replace(each_tensor(state, torch.clone), iteration=self.settled)
        solver, counter = own
        return Recording(description, solver, describe(solver)[1], counter, memory, self.recorder)

    def wave(self, state: Any) -> Tensor:
        """Return the waves of a state."""
        return self.plain.wave(state)

    def evaluate(self, state: Any) -> tuple[Tensor, Tensor | None]:
        """Return them with their errors."""
        return self.plain.evaluate(state)

    def settling(self, state: Any) -> Tensor | None:
        """Return what the solver says."""
        return self.plain.settling(state)

    def answers_last(self, state: Any) -> Tensor | bool:
        """Return what the solver says."""
        return self.plain.answers_last(state)

    def select(self, items: Tensor) -> Recorded:
        """Go on with some items of the batch; that is another recording."""
        steady = None
        if self.steady is not None:
            steady = self.steady[0].select(items), self.steady[1]
        return type(self)(self.plain.select(items), self.settled, steady, self.recorder)


class Kept:
    """The last few recordings; one that is played is nobody else's."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most, self._lock = most, lock_for_forks()
        self._recordings: list[Recording] = []

    def take(self, description: Any) -> Recording | None:
        """Return a recording that fits, which is no longer kept, or None."""
        with self._lock:
            for place, recording in enumerate(self._recordings):
                if recording.description == description:
                    return self._recordings.pop(place)
        return None

    def keep(self, recording: Recording) -> None:
        """Keep a recording, and forget that which was not used for the longest time."""
        with self._lock:
            self._recordings.append(recording)
            del self._recordings[: -self._most]

    def clear(self) -> None:
        """Forget all, which gives their memory back."""
        with self._lock:
            self._recordings.clear()


#: The recordings of this process.
KEPT = Kept()


def _tensors(state: Any) -> list[Tensor]:
    """Return the tensors of a state, always in the same order."""
    found: list[Tensor] = []
    each_tensor(state, lambda tensor: found.append(tensor) or tensor)
    return found


def _alike(some: list[Tensor], others: list[Tensor]) -> bool:
    """Tell whether tensors are nearly the same; it waits for the device once."""
    near: list[Tensor] = []
    for a, b in zip(some, others, strict=True):
        if a.is_floating_point() or a.is_complex():
            # as a whole: of a bin that nearly vanishes the phase is chance
            a, b = map(_finite, (a, b))
            near.append((a - b).norm() <= _NEAR * b.norm())
        else:
            near.append((a == b).all())
    return bool(torch.stack(near).all())


def _finite(x: Tensor) -> Tensor:
    """Return a tensor as real numbers, with 0 for NaN."""
    return torch.nan_to_num(torch.view_as_real(x) if x.is_complex() else x)
