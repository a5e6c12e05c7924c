"""The command line: a thin layer over the public API, a file per command.

Exit status: 0 done, 2 a mistake that the user can put right, 1 any other failure (also of some videos of a folder), 130
Ctrl-C, 143 SIGTERM, 141 nobody reads what is written to standard output any more.
"""

from peanut.cli.app import cli, main

__all__ = ["cli", "main"]
