"""Several processes: train through an inversion, and measure a test set, with DDP.

torchrun --standalone --nproc-per-node 2 examples/recipes/distributed.py

An inverter has no state that is shared. So within DistributedDataParallel it is a layer like any
other, and a test set is split over the processes, each of which inverts its share.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from torch_specinv import STFT, example, invert, metrics
from torch_specinv.nn import GriffinLim

CLIPS, SAMPLES = 5, 16384


def main() -> None:
    on_gpu = torch.cuda.is_available()
    dist.init_process_group("nccl" if on_gpu else "gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")

    torch.manual_seed(0)
    speech, _ = example("speech")
    clips = speech[: CLIPS * SAMPLES].reshape(CLIPS, SAMPLES).to(device)
    settings = {"n_fft": 512, "hop_length": 128, "window": torch.hann_window(512, device=device)}
    stft = STFT.of_wave(clips[:1], **settings)

    # training: the same layer in each process, gradients are averaged as usual
    network = torch.nn.Sequential(
        torch.nn.Conv1d(257, 257, 1),
        torch.nn.Softplus(),
        GriffinLim(4, tol=0, eva_iter=4, length=SAMPLES, **settings),
    ).to(device)
    model = DistributedDataParallel(network)
    share = stft(clips[rank::world])
    (stft(model(share)) - share).square().mean().backward()
    gradient = model.module[0].weight.grad
    theirs = [torch.empty_like(gradient) for _ in range(world)]
    dist.all_gather(theirs, gradient)
    if rank == 0:
        same = all(torch.equal(gradient, other) for other in theirs)
        print(f"gradients are {'equal' if same else 'different'} in {world} processes")

    # measuring: each process inverts every world-th clip; what is gathered is one value for each
    found = invert(share, max_iter=16, length=SAMPLES, verbose=False, **settings)
    values = metrics.sc(stft(found.wave), share).tolist()
    mine = dict(zip(range(rank, CLIPS, world), values, strict=True))
    shares: list[dict[int, float] | None] = [None] * world
    dist.all_gather_object(shares, mine)
    if rank == 0:
        gathered = {number: value for each in shares if each for number, value in each.items()}
        mean = sum(gathered.values()) / len(gathered)
        print(f"SC {mean:.1f} dB, the mean of {len(gathered)} clips")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
