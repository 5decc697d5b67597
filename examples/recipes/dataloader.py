"""Invert spectrograms of different lengths that a DataLoader brings: where, and how.

python examples/recipes/dataloader.py

In the training loop, a padded batch is inverted at once, on the GPU if there is one. In the
workers, each clip is inverted alone while the model trains: for data whose inputs are inverted
spectrograms, such as those of a network that removes the artefacts of phase inversion. Each worker
has one thread of torch, so that as many clips are inverted at once as there are workers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import DataLoader, Dataset

from torch_specinv import example, griffin_lim

WINDOW = torch.hann_window(1024)
SETTINGS = {"hop_length": 256, "window": WINDOW, "verbose": False}


def magnitude(wave: Tensor) -> Tensor:
    """Return the magnitude (bins, frames) of a waveform (samples,)."""
    return torch.stft(wave, 1024, 256, window=WINDOW, return_complex=True).abs()


class Clips(Dataset[Tensor]):
    """A stand-in for your data: pieces of a recording, of different lengths."""

    def __init__(self) -> None:
        speech, _ = example("speech")
        self.pieces = [speech[9000 * i : 9000 * (i + 1) + 700 * i] for i in range(6)]

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> Tensor:
        return self.pieces[index]


class InvertedClips(Clips):
    """Pairs of a clip and what Griffin-Lim makes of its magnitude: computed by the workers."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        clip = super().__getitem__(index)
        # of its own for each clip, so that the number of workers changes nothing
        generator = torch.Generator().manual_seed(index)
        settings = {"init": "random", "generator": generator, "length": len(clip)}
        return clip, griffin_lim(magnitude(clip), 16, **settings, **SETTINGS)


def padded(clips: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """Collate clips: magnitudes (batch, bins, frames), and the lengths in samples."""
    spectrograms = [magnitude(clip) for clip in clips]
    frames = max(each.shape[-1] for each in spectrograms)
    batch = torch.stack([pad(each, (0, frames - each.shape[-1])) for each in spectrograms])
    return batch, [len(clip) for clip in clips]


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    keywords = {**SETTINGS, "window": WINDOW.to(device)}

    # in the training loop
    for batch, lengths in DataLoader(Clips(), batch_size=3, num_workers=2, collate_fn=padded):
        waves = griffin_lim(batch.to(device), 16, lengths=lengths, **keywords)
        print(f"{tuple(batch.shape)} became {tuple(waves.shape)}, of which {lengths} count")

    # in the workers
    loaders = [DataLoader(InvertedClips(), batch_size=None, num_workers=n) for n in (0, 2)]
    alone, workers = ([inverted for _, inverted in loader] for loader in loaders)
    same = all(map(torch.equal, alone, workers))
    print(f"{len(workers)} clips of two workers, {'the same' if same else 'other ones'} without")


if __name__ == "__main__":
    main()
