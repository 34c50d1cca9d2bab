"""Benchmarks: each a ratio of ours to a yardstick in the same run, never a time alone."""
