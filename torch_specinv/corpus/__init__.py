"""Many files: inverted on one machine or a cluster, continued after an interruption."""

from .corpus import invert_corpus
from .result import CorpusResult
from .summary import summarise_corpus
from .verify import Verification, verify_corpus

__all__ = ["CorpusResult", "Verification", "invert_corpus", "summarise_corpus", "verify_corpus"]
