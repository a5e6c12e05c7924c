"""The commands together, and what becomes of errors: one sentence and an exit status."""

import os
import signal
import sys
from typing import NoReturn

import click

import peanut
from peanut.cli.dataset import dataset
from peanut.cli.demo import demo
from peanut.cli.erase import erase
from peanut.cli.evaluate import evaluate
from peanut.cli.info import info
from peanut.cli.masks import masks
from peanut.cli.measure import measure
from peanut.cli.say import say
from peanut.cli.sheet import sheet
from peanut.cli.test_set import annotate, make, verify
from peanut.cli.upscale import upscale
from peanut.cli.weights import weights
from peanut.errors import ReaderGone, UsageError
from peanut.interrupts import Terminated, end_as_by_ctrl_c


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(peanut.__version__, prog_name="peanut")
@click.option("--debug", is_flag=True, help="Show the whole traceback of a failure.")
def cli(debug: bool) -> None:
    """Remove things from video: say what, and the video comes out without it.

    \b
    peanut demo                                        see it on a real clip first
    peanut masks street.mp4 -o masks.mkv --moving      find what moves; look, keep, use again
    peanut erase street.mp4 -o clean.mp4 --masks masks.mkv
    peanut erase street.mp4 -o clean.mp4 --moving      both in one go
    peanut erase videos/ -o clean/ --box 80%,5%,15%,10%    a logo, in all videos of a folder
    peanut upscale clean.mp4 -o sharp.mp4              four times as large and sharp
    peanut sheet street.mp4 clean.mp4 -o sheet.png     look at both as one picture
    peanut evaluate flow telea --on clips/ -o results/     measure several side by side
    """


for command in (annotate, verify, make):
    dataset.add_command(command)
for command in (erase, masks, upscale, sheet, info, measure, evaluate, dataset, demo, weights):
    cli.add_command(command)


def main() -> NoReturn:
    """Entry point: runs the command and turns what went wrong into one sentence and an exit status."""
    debug = "--debug" in sys.argv[1:]
    peanut.keep_memory()
    end_as_by_ctrl_c()
    try:
        cli.main(prog_name="peanut", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort as error:
        stopped = error.__cause__
        say(f"ended by {stopped}" if isinstance(stopped, Terminated) else "interrupted", stopped)
        sys.exit(128 + (stopped.number if isinstance(stopped, Terminated) else signal.SIGINT))
    except Exception as error:
        if debug:
            raise
        if isinstance(error.__cause__, ReaderGone):
            say(str(error.__cause__), error)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains of what it could not flush
            sys.exit(141)
        say(str(error), error)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    sys.exit(0)
