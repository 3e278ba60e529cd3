# SPDX-License-Identifier: Apache-2.0
"""Keeps one QEMU: starts it, says where its serial port is, ends it when it is not wanted any more.

Run by emulator.py as a program of its own (standard library only, so it starts in milliseconds and
needs nothing installed). It ends QEMU when its owner has gone, however that died, when the time is
up, or on SIGTERM; should the guard itself be killed, the kernel kills QEMU (Linux). The guard
watches the owner process: a parent-death signal would follow the thread that started QEMU.

QEMU starts stopped, and runs once the guard holds the terminal side of its serial port open: QEMU
throws away what a guest sends while nobody has the port open, and would look for a newly opened one
only once a second.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

SECONDS_TO_QUIT = 2.0
POLL_SECONDS = 0.2  # where the system has no pidfd (outside Linux)
PR_SET_PDEATHSIG = 1


class Ended(Exception):
    """Why QEMU is to be ended, or has ended."""


class OwnerGone(Ended):
    """Nobody is left to read the diagnostics either."""


def _stop(signum: int, frame: object) -> NoReturn:
    raise Ended(f"stopped by signal {signum}")


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ask(qemu: subprocess.Popen[str], command: str) -> object:
    """One command of QEMU's machine protocol on its stdin and stdout."""
    if qemu.stdin is None or qemu.stdout is None:
        raise Ended("QEMU was started without a control channel")
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"execute": command}), file=qemu.stdin, flush=True)
    for line in qemu.stdout:
        if line.startswith("{"):
            reply = json.loads(line)
            if "error" in reply:
                raise Ended(f"QEMU refused {command}: {reply['error']}")
            if "return" in reply:
                return reply["return"]
    raise Ended(f"QEMU exited with status {qemu.wait()}")


def _serial_port(devices: object) -> str:
    """The path behind QEMU's 'pty:/dev/pts/3'."""
    for device in devices if isinstance(devices, list) else ():
        kind, _, path = device["filename"].partition(":")
        if kind == "pty":
            return str(path)
    raise Ended("QEMU has no serial port on a pty")


def _watch(qemu: subprocess.Popen[str], owner_pid: int | None, deadline: float) -> NoReturn:
    """Return by exception only: the owner has gone, QEMU has, or the time is up."""
    pids = [qemu.pid] if owner_pid is None else [qemu.pid, owner_pid]
    has_pidfd = sys.platform == "linux"
    try:
        handles = [os.pidfd_open(pid) for pid in pids] if has_pidfd else []
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Ended("its time was up")
            # a handle becomes readable when its process ends
            ended, _, _ = select.select(handles, [], [], left if has_pidfd else POLL_SECONDS)
            if qemu.poll() is not None:
                raise Ended(f"QEMU exited with status {qemu.returncode}")
            if ended:
                raise OwnerGone("its owner has gone")
            if owner_pid is not None:
                os.kill(owner_pid, 0)
    except ProcessLookupError:
        raise OwnerGone("its owner has gone") from None


def _end(qemu: subprocess.Popen[str]) -> None:
    qemu.terminate()
    try:
        qemu.wait(SECONDS_TO_QUIT)
    except subprocess.TimeoutExpired:
        qemu.kill()
        qemu.wait()


def guard(command: list[str], owner_pid: int | None, deadline: float, state: Path) -> NoReturn:
    """Run QEMU until it ends or must, which an Ended tells.

    `state` is a JSON file {pid, port, guard} that exists, locked, while QEMU runs.
    """
    qemu = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_die_with_guard,  # safe: the guard has one thread
    )
    with contextlib.ExitStack() as held:
        held.callback(_end, qemu)
        # a second SIGTERM must not interrupt the ending that the first one caused
        held.callback(signal.signal, signal.SIGTERM, signal.SIG_IGN)
        _ask(qemu, "qmp_capabilities")
        port = _serial_port(_ask(qemu, "query-chardev"))
        held.callback(os.close, os.open(port, os.O_RDWR | os.O_NOCTTY))
        _ask(qemu, "cont")
        partial = state.with_name(f"{state.name}.{os.getpid()}")
        file = held.enter_context(partial.open("w", encoding="utf-8"))
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"pid": qemu.pid, "port": port, "guard": os.getpid()}))
        file.flush()
        partial.replace(state)
        held.callback(state.unlink, missing_ok=True)
        _watch(qemu, owner_pid, deadline)


def main() -> None:
    """The command line emulator.py writes; why QEMU ended is a line on stderr."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, help="end with this process")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, help="folder to remove once the owner has gone")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    try:
        guard(args.command, args.owner, time.monotonic() + args.seconds, args.state)
    except (Ended, OSError) as ended:
        print(f"emulator: {ended}", file=sys.stderr)
        if isinstance(ended, OwnerGone) and args.scratch is not None:
            shutil.rmtree(args.scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
