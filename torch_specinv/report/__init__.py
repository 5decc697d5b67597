"""A listening report: one page with the sound of every method, to compare by ear and by numbers."""

from ..comparing import left_out
from ..io.outputs import check_paths, write_texts
from .compared import Compared
from .gather import Entry, Sound, entry_of, gather, read_clips
from .page import check_page, report_page
from .ratings import read_ratings, summarise
from .tables import csv_table, latex_table

__all__ = [
    "Compared",
    "Entry",
    "Sound",
    "check_page",
    "check_paths",
    "csv_table",
    "entry_of",
    "gather",
    "latex_table",
    "left_out",
    "read_clips",
    "read_ratings",
    "report_page",
    "summarise",
    "write_texts",
]
