"""Run benchmarks and write what they print into `docs/performance.md`, a section each.

python -m benchmarks [NAME...]        all but the one for accelerators: about an hour on two cores
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import torch

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
TITLES = {
    "graph": "The graph itself",
    "prefetch": "Prefetch",
    "long_stream": "Memory over a long stream",
    "basicvsr_plusplus": "UR-Net's networks against a plain transcription",
    "flow_eraser": "FlowEraser against its optical flow",
    "accelerator": "The learned stages on an accelerator",
}
HEAD = """# Performance

Every figure on this page was printed by the command above it, on the machine that stands beside it; ratios were taken
side by side in one run. `python -m benchmarks NAME` makes a section again.
"""


def machine() -> str:
    """Processor, cores, and the versions that matter."""
    cpu = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpu.read_text()) if cpu.exists() else [platform.processor()]
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{names[0]}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def sections() -> dict[str, str]:
    """What the page holds now: title -> text."""
    text = PAGE.read_text() if PAGE.exists() else ""
    return dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def main() -> None:
    for name in sys.argv[1:] or [name for name in TITLES if name != "accelerator"]:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        print(printed, flush=True)
        held = sections()
        held[TITLES[name]] = f"\n`python -m benchmarks.{name}`, {machine()}:\n\n```text\n{printed}\n```\n\n"
        ordered = [f"## {title}\n{held[title].rstrip()}\n" for title in TITLES.values() if title in held]
        PAGE.write_text("\n".join([HEAD, *ordered]))


if __name__ == "__main__":
    main()
