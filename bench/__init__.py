"""Benchmarks of fastlasso and its rivals: ``python -m bench setup | run | report``."""
