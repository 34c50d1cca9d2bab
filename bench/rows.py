"""The rows by name. Whatever else is measured finds its place here."""

from collections.abc import Callable
from pathlib import Path

from bench.acknowledge import acknowledge_forged, acknowledge_post
from bench.cascade import cascade_first_mail, cascade_idle, cascade_write
from bench.chase import chase_minute
from bench.counters import coverage_counters
from bench.coverage import coverage_page
from bench.deliver import deliver_flat, deliver_peers, deliver_smtp
from bench.harness import Row
from bench.loading import load_directory, load_unchanged
from bench.provider import deliver_provider
from bench.reach import reach_preview
from bench.trees import tree_branch, tree_page

ROWS: dict[str, Callable[[Path], Row]] = {
    "load_directory": load_directory,
    "load_unchanged": load_unchanged,
    "tree_branch": tree_branch,
    "tree_page": tree_page,
    "reach_preview": reach_preview,
    "cascade_write": cascade_write,
    "cascade_first_mail": cascade_first_mail,
    "cascade_idle": cascade_idle,
    "deliver_smtp": deliver_smtp,
    "deliver_peers": deliver_peers,
    "deliver_flat": deliver_flat,
    "deliver_provider": deliver_provider,
    "acknowledge_post": acknowledge_post,
    "acknowledge_forged": acknowledge_forged,
    "coverage_counters": coverage_counters,
    "coverage_page": coverage_page,
    "chase_minute": chase_minute,
}
