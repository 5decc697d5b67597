"""What pictures of spectrograms mean: grey values, channels and colours."""

from .channels import picture_of, values_of
from .conventions import RIFFUSION, ImageKeywords, ImageSpec

__all__ = ["RIFFUSION", "ImageKeywords", "ImageSpec", "picture_of", "values_of"]
