"""Hear a model's mel spectrograms while PyTorch Lightning trains it, without a vocoder.

pip install lightning tensorboard
python examples/recipes/lightning_listen.py
tensorboard --logdir lightning_logs

The callback is what you need; the model and the data are small and made up.
"""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from torch_specinv import SpecInvError, example, invert
from torch_specinv.mel import Preset, preset


class Listen(lightning.Callback):
    """Log the first predictions of each validation as sound, and how well they can be inverted.

    `validation_step` returns ``{"mel": ...}``, of shape (batch, bands, frames). The SC in dB says
    how far the prediction is from the mel spectrogram of any sound: it falls as a model improves.
    """

    def __init__(self, recipe: str | Preset, clips: int = 2, max_iter: int = 32) -> None:
        self.recipe, self.clips, self.max_iter = preset(recipe), clips, max_iter

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx > 0 or dataloader_idx > 0 or not trainer.is_global_zero:
            return
        mels = outputs["mel"][: self.clips].detach().float()
        try:
            found = invert(mels, preset=self.recipe, max_iter=self.max_iter, verbose=False)
        except SpecInvError as error:  # NaN, or numbers that no recipe writes: go on training
            lightning.pytorch.utilities.rank_zero_warn(f"nothing to hear: {error}")
            return
        sc = found.history["sc"][-1].mean()
        pl_module.log("validation/sc", sc, rank_zero_only=True)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for number, wave in enumerate(found.wave.clamp(-1, 1)):
                    logger.experiment.add_audio(
                        f"validation/{number}", wave, trainer.global_step, self.recipe.sr
                    )


class Denoiser(lightning.LightningModule):
    """A stand-in for your model: it finds a mel spectrogram in a noisy one."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Conv1d(80, 80, 3, padding=1)
        torch.nn.init.zeros_(self.net.weight)

    def forward(self, mel: Tensor) -> Tensor:
        return mel + self.net(mel)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        noisy, clean = batch
        return (self(noisy) - clean).abs().mean()

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> dict[str, Tensor]:
        noisy, clean = batch
        mel = self(noisy)
        self.log("validation/loss", (mel - clean).abs().mean())
        return {"mel": mel}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    torch.manual_seed(0)
    wave, _ = example("speech")
    clean = preset("hifigan").record(wave[: 22050 * 4].reshape(4, -1))  # (4, 80, frames)
    noisy = clean + 0.5 * torch.randn_like(clean)
    data = DataLoader(TensorDataset(noisy, clean), batch_size=2)
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        callbacks=[Listen("hifigan")],
        logger=TensorBoardLogger("."),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    model = Denoiser()
    # the baseline: what the true spectrograms sound like without a vocoder
    best = invert(clean[:2], preset="hifigan", max_iter=32, verbose=False)
    trainer.fit(model, data, data)
    reached = float(trainer.callback_metrics["validation/sc"])
    print(f"SC {reached:.1f} dB after {trainer.global_step} steps, ", end="")
    print(f"{float(best.history['sc'][-1].mean()):.1f} dB for true spectrograms")


if __name__ == "__main__":
    main()
