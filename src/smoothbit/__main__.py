"""Run the command line: `python -m smoothbit`."""

from __future__ import annotations

from smoothbit.cli.main import main

if __name__ == "__main__":
    main()
