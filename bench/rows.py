"""The rows by name. Whatever else is measured finds its place here."""

from collections.abc import Callable
from pathlib import Path

from bench.harness import Row
from bench.loading import load_directory, load_unchanged
from bench.reach import reach_preview
from bench.trees import tree_branch, tree_page

ROWS: dict[str, Callable[[Path], Row]] = {
    "load_directory": load_directory,
    "load_unchanged": load_unchanged,
    "tree_branch": tree_branch,
    "tree_page": tree_page,
    "reach_preview": reach_preview,
}
