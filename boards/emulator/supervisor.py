# SPDX-License-Identifier: Apache-2.0
"""Keeps one QEMU: starts it, names its serial port, ends it when nobody needs it any more.

qemu.py runs it as a program of its own, which uses only the standard library: it starts in
milliseconds and needs nothing installed. The supervisor ends QEMU when its owner has gone, for
whatever reason, when the time is up, or on SIGTERM. If the supervisor itself is killed, the kernel
kills QEMU (on Linux). The supervisor watches the owner process: a parent-death signal would follow
the thread that started QEMU.

QEMU starts stopped, and runs once the supervisor holds the terminal side of its serial port open.
QEMU throws away what a guest sends while the port is closed, and notices a newly opened port only
once per second.
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
POLL_SECONDS = 0.2  # if the system has no pidfd (outside Linux)
PR_SET_PDEATHSIG = 1


class Ended(Exception):
    """QEMU must be ended, or has ended; the message says why."""


class OwnerGone(Ended):
    """The owner has gone, so nobody is left to read the diagnostics."""


def _stop(signum: int, frame: object) -> NoReturn:
    raise Ended(f"stopped by signal {signum}")


def _die_with_supervisor() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _stay_on_one_core() -> None:
    """Keep this process and QEMU on the core that it runs on now, where the system lets us.

    QEMU hands each byte of the serial port from one thread to another and back, which takes less
    CPU time within one core than between two. A new process starts on a core that is idle, if there
    is one, and the system moves others away. Two emulators that start on one core share it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError, ValueError):
            os.sched_setaffinity(0, {ctypes.CDLL(None).sched_getcpu()})


def _ask(qemu: subprocess.Popen[str], command: str) -> object:
    """Send one command of QEMU's machine protocol on its stdin; the answer comes on its stdout."""
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
    """Return the path in QEMU's 'pty:/dev/pts/3'."""
    for device in devices if isinstance(devices, list) else ():
        kind, _, path = device["filename"].partition(":")
        if kind == "pty":
            return str(path)
    raise Ended("QEMU has no serial port on a pty")


def _watch(qemu: subprocess.Popen[str], owner_pid: int | None, deadline: float) -> NoReturn:
    """Wait until the owner has gone, QEMU has gone or the time is up; always raises."""
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


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes], seconds: float) -> None:
    """End a process and reap it; kill it if it does not end within `seconds`."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def supervise(command: list[str], owner_pid: int | None, deadline: float, state: Path) -> NoReturn:
    """Run QEMU until it ends or must end; an Ended says why.

    `state` is a JSON file {pid, port, guard} that exists, locked, while QEMU runs.
    """
    qemu = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_die_with_supervisor,  # safe, because the supervisor has one thread
    )
    with contextlib.ExitStack() as held:
        held.callback(end, qemu, SECONDS_TO_QUIT)
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
    """Run the command line that qemu.py writes; a line on stderr says why QEMU ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, help="end with this process")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, help="folder to remove once the owner has gone")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    _stay_on_one_core()
    try:
        supervise(args.command, args.owner, time.monotonic() + args.seconds, args.state)
    except (Ended, OSError) as ended:
        print(f"emulator: {ended}", file=sys.stderr)
        if isinstance(ended, OwnerGone) and args.scratch is not None:
            shutil.rmtree(args.scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
