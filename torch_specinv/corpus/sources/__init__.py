"""Where items come from: folders, patterns, lists, and shards of tables and of WebDataset."""

from .find import find_items

__all__ = ["find_items"]
