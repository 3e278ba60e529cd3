# SPDX-License-Identifier: Apache-2.0
"""Shared by the fuzzers of model files: workers read damaged files, findings are counted.

Each file must end in a graph or a UserError, fast and small. Anything else is a finding: another
exception, more than 5 seconds, more than 1 GiB, a dead worker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import FrameType

from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.verify import verify
from mcuforge.errors import UserError

LIMIT_S = 5.0
FULL_LIMIT_S = 20.0  # with the compile, which searches for a plan
STUCK_S = 30.0  # a worker whose alarm did not ring, inside C code
LIMIT_BYTES = 1 << 30
REPORT_FILES = 200  # a worker tells its counts after so many
RAM_BYTES = 1 << 20  # the board of a full compile

Use = Callable[[Graph], object]
Read = Callable[[bytes], Graph]
Make = Callable[[int, int], bytes]  # of a series and an index in it, the damaged file


@dataclass(frozen=True)
class Subject:
    """A front end and the files it is fed; `script` is the command that repeats a finding."""

    script: str
    suffix: str
    read: Read
    make: Make
    limit_s: float = LIMIT_S


class TooSlow(BaseException):
    """Raised by the alarm; `except Exception` does not catch it."""


@dataclass(frozen=True)
class Tally:
    """Counts of the files so far."""

    graphs: int = 0
    refused: int = 0
    findings: tuple[tuple[int, str], ...] = ()

    @property
    def files(self) -> int:
        """How many files were examined."""
        return self.graphs + self.refused + len(self.findings)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.graphs + other.graphs,
            self.refused + other.refused,
            self.findings + other.findings,
        )


def examine(data: bytes, read: Read, use: Use, limit_s: float = LIMIT_S) -> str:
    """Return "graph", "refused", or the report of a finding."""
    signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        use(read(data))
        return "graph"
    except UserError as error:
        return "refused" if error.what and error.where and error.hint else f"empty line: {error!r}"
    except TooSlow:
        return f"slower than {limit_s} s\n{traceback.format_exc(limit=-4)}"
    except MemoryError:
        return f"more than {LIMIT_BYTES >> 20} MiB\n{traceback.format_exc(limit=-4)}"
    except Exception:
        return traceback.format_exc(limit=-6)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def check_graph(graph: Graph) -> None:
    """Verify a graph as every compile does."""
    verify(graph, "the front end")


def compile_whole(graph: Graph) -> None:
    """Verify and compile to C, without the exact planner."""
    verify(graph, "the front end")
    compile_graph(graph, "portable", RAM_BYTES, effort=0.0)


def count_outcome(index: int, outcome: str) -> Tally:
    """Return the tally of one file."""
    if outcome in ("graph", "refused"):
        return Tally(int(outcome == "graph"), int(outcome == "refused"))
    return Tally(findings=((index, outcome),))


class Worker:
    """A process with bounded memory that examines every n-th file; it restarts after a crash."""

    def __init__(self, subject: Subject, seed: int, indices: range, use: Use) -> None:
        self._context = multiprocessing.get_context("fork")
        self._subject, self._seed, self._use = subject, seed, use
        self._indices = indices
        self.tally = Tally()
        self._start()

    def _start(self) -> None:
        self._at: Synchronized[int] = self._context.Value("q", -1)
        self._seen = (-1, time.monotonic())
        self._receiver, sender = self._context.Pipe(duplex=False)
        self._process = self._context.Process(target=self._work, args=(sender,), daemon=True)
        self._process.start()
        sender.close()

    def _work(self, sender: multiprocessing.connection.Connection) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        tally = Tally()
        for index in self._indices:
            self._at.value = index
            data = self._subject.make(self._seed, index)
            tally += count_outcome(
                index, examine(data, self._subject.read, self._use, self._subject.limit_s)
            )
            if tally.files >= REPORT_FILES or index == self._indices[-1]:
                sender.send((tally, index))
                tally = Tally()

    def poll(self) -> bool:
        """Return True when the worker has finished."""
        if len(self._indices) == 0:
            self._process.join()
            return True
        if self._receiver.poll(0.05):
            with suppress(EOFError):
                tally, last = self._receiver.recv()
                self.tally += tally
                self._indices = _behind(self._indices, last)
                return False
            self._process.join()
            return self._restart(f"the worker died, exit code {self._process.exitcode}")
        at, since = self._seen
        if self._at.value != at:
            self._seen = (self._at.value, time.monotonic())
        elif time.monotonic() - since > STUCK_S:
            self._process.kill()
            return self._restart(f"stuck for {STUCK_S} s")
        return False

    def _restart(self, what: str) -> bool:
        """Continue behind the file that ended the worker; at most REPORT_FILES go uncounted."""
        self._process.join()
        last = max(self._at.value, self._indices.start)
        self.tally += Tally(findings=((last, what),))
        self._indices = _behind(self._indices, last)
        self._start()
        return False


def _behind(indices: range, last: int) -> range:
    """Return what is left of `indices` after `last`."""
    return range(last + indices.step, indices.stop, indices.step)


def fuzz(subject: Subject, seed: int, count: int, use: Use, jobs: int) -> Tally:
    """Examine `count` files made from `seed` on `jobs` processes."""
    workers = [Worker(subject, seed, range(job, count, jobs), use) for job in range(jobs)]
    done = Tally()
    while workers:
        for worker in tuple(workers):
            if worker.poll():
                workers.remove(worker)
                done += worker.tally
    return done


def command_line(subject: Subject, description: str) -> int:
    """Run a fuzzer's command line; return 1 when there are findings."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--full", action="store_true", help="compile what was read")
    parser.add_argument("--only", type=int, help="examine one file, in this process")
    parser.add_argument("--keep", type=Path, help="folder for the files of findings")
    options = parser.parse_args()
    use = check_graph
    if options.full:
        use, subject = compile_whole, replace(subject, limit_s=FULL_LIMIT_S)
    if options.only is not None:
        outcome = examine(
            subject.make(options.seed, options.only), subject.read, use, subject.limit_s
        )
        print(outcome)
        tally = Tally(findings=((options.only, outcome),))
        _keep(options.keep, subject, options.seed, tally)
        return int(outcome not in ("graph", "refused"))
    begin = time.monotonic()
    tally = fuzz(subject, options.seed, options.count, use, options.jobs)
    seconds = time.monotonic() - begin
    for index, report in tally.findings:
        full = " --full" if options.full else ""
        print(f"finding: {subject.script} --seed {options.seed} --only {index}{full}")
        print(report)
    _keep(options.keep, subject, options.seed, tally)
    print(
        f"{options.count} files in {seconds:.1f} s ({options.count / seconds:.0f} per second): "
        f"{tally.graphs} graphs, {tally.refused} refused, {len(tally.findings)} findings"
    )
    return int(bool(tally.findings))


def _keep(folder: Path | None, subject: Subject, seed: int, tally: Tally) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for index, _ in tally.findings:
        (folder / f"{seed}-{index}{subject.suffix}").write_bytes(subject.make(seed, index))


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow
