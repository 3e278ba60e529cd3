# SPDX-License-Identifier: Apache-2.0
"""Finds the programs we call, and says what to install when one is missing."""

import re
import shutil
import subprocess
from pathlib import Path

from mcuforge.boards.arch import ARCHITECTURES
from mcuforge.errors import BoardError

VERSION_SECONDS = 30.0
APT_PACKAGES = (
    *((arch.prefix, arch.packages) for arch in ARCHITECTURES),
    ("qemu-system-arm", "qemu-system-arm"),
    ("qemu-system-riscv", "qemu-system-misc"),
)
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def remedy(tool: str) -> str:
    """Return the command that installs `tool` on Debian and Ubuntu, or general advice."""
    for prefix, packages in APT_PACKAGES:
        if tool.startswith(prefix):
            return f"apt install {packages}"
    return f"install {tool} and put it on PATH"


def locate(tool: str, board: str) -> Path:
    """Find `tool` on PATH; BoardError, with the package to install, when it is missing."""
    found = shutil.which(tool)
    if found is None:
        raise BoardError(f"{tool} is not on PATH", f"board {board}", remedy(tool))
    return Path(found)


def version(tool: Path) -> str:
    """Return the first dotted number `tool --version` prints; empty if it prints none or fails."""
    try:
        answer = subprocess.run(
            [str(tool), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # the first line names the packaging first: "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205"
    line = re.sub(r"\([^)]*\)", "", answer.stdout.partition("\n")[0])
    found = _VERSION.search(line)
    return found.group() if found else ""
