"""The ``neurosim`` command, also as ``python -m neurosim``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from neurosim.cli import execute

    sys.exit(execute(sys.argv[1:]))


if __name__ == "__main__":
    main()
