# SPDX-License-Identifier: Apache-2.0
"""Start and stop emulated boards, as PlatformIO's upload target does.

python -m mcuforge.boards.emulator run --board ID --state FILE ELF    leaves QEMU running
python -m mcuforge.boards.emulator stop --state FILE                  ends it
"""

import argparse
import os
import sys
from pathlib import Path

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.boards.emulator.qemu import (
    MAX_SECONDS,
    OWNED_SECONDS,
    OWNER_VARIABLE,
    start_detached,
    stop_detached,
)
from mcuforge.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line of the module's docstring; returns 0, or 1 after a three-line error."""
    parser = argparse.ArgumentParser(prog="python -m mcuforge.boards.emulator")
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help=f"ends with process {OWNER_VARIABLE} if that is set")
    run.add_argument("--board", required=True)
    run.add_argument("--max-seconds", type=float)
    run.add_argument("elf", type=Path)
    stop = actions.add_parser("stop")
    for action in (run, stop):
        action.add_argument("--state", type=Path, required=True)
    args = parser.parse_args(arguments)
    try:
        if args.action == "stop":
            stop_detached(args.state)
        else:
            owner = os.environ.get(OWNER_VARIABLE)
            usual = OWNED_SECONDS if owner else MAX_SECONDS
            running = start_detached(
                emulated(load_board(args.board)),
                args.elf,
                args.state,
                owner=int(owner) if owner else None,
                max_seconds=usual if args.max_seconds is None else args.max_seconds,
            )
            print(f"serial port {running.port}; `pio run -t stop` ends the emulator")
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
