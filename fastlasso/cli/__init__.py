"""The `fastlasso` command. Each subcommand is a module with `add(commands)` and `run(arguments)`; `main` lists them."""

from .main import main

__all__ = ["main"]
