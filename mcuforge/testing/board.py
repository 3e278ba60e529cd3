# SPDX-License-Identifier: Apache-2.0
"""A board in tests: models deployed to it, runs, checks, and what they cost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, Self, TypeVar

import numpy as np
import pytest

from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import LinkError, NoProbePort, PortMissing
from mcuforge.boards.ports import candidates
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.compiler.compile import Compiled, PlanOptions
from mcuforge.compiler.judges.choose import judge
from mcuforge.compiler.tensors import Array
from mcuforge.compiler.user_ports import port_of, to_file
from mcuforge.errors import BoardError, CompileError, UserError
from mcuforge.flow.board_check import run_samples
from mcuforge.flow.data import Samples, load_samples, random_samples, samples_of
from mcuforge.flow.firmware import Built, build_check
from mcuforge.flow.measure import make_report, measure_board
from mcuforge.flow.session import Session, compile_session, open_session, ram_budget
from mcuforge.flow.target import (
    Connection,
    find_connection,
    hello_port,
    open_board,
    open_exact,
    open_port,
)
from mcuforge.report.console import open_console
from mcuforge.report.model import Check, Report
from mcuforge.report.progress import Stages
from mcuforge.testing.lock import PortLocks, Say, say_on_stderr
from mcuforge.testing.ways import BoardWay, counted

REPORT_SAMPLES = 2  # random ones, for a report before any check
Facts = dict[str, object]
NOT_KNOWN = (  # keys of the facts whose values are found by and by
    "sha256",
    "ram",
    "flash",
    "instructions",
    "microseconds",
    "data",
    "samples",
    "exact_samples",
    "accuracy",
    "verdict",
    "reasons",
    "error",
)


Given = ParamSpec("Given")
R = TypeVar("R")


def short(method: Callable[Given, R]) -> Callable[Given, R]:
    """End a failure's traceback at the user's line: its text says where the fault lies."""

    @wraps(method)
    def shortened(*args: Given.args, **kwargs: Given.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except (UserError, VerdictFailed) as error:
            raise error.with_traceback(None) from None

    return shortened


class VerdictFailed(AssertionError):
    """A verdict is fail; the text has the reasons, among them the first layer that differs."""


class OnBoard:
    """A board that tests deploy models to: the fixture `board`. A context manager.

    It builds a model once and keeps the board running between tests. Between two tests, a serial
    port is free for other processes.
    """

    def __init__(
        self,
        way: BoardWay,
        *,
        required: bool = False,
        run_id: str = "",
        say: Say = say_on_stderr,
    ) -> None:
        """Skip the test that asks when the board cannot be reached in the way of `way`.

        required: fail instead. run_id: of this run of pytest: an image that an earlier run has
        flashed is not trusted. say: is told whom this waits for.
        """
        self.way = way
        self.id = way.board
        self._required = required
        self._run_id = run_id
        board = load_board(way.board)
        self._refuse_no_way(board)
        self._kind = way.kind or "emulate"
        self.quiet = Stages(open_console(stderr=True), quiet=True)
        self._resources = ExitStack()
        self._folder = Path(
            self._resources.enter_context(TemporaryDirectory(prefix="mcuforge-test-"))
        )
        self._images: dict[tuple[bytes, PlanOptions | None], Image] = {}
        self._touched: list[Facts | Deployed] = []
        self._running: _Running | None = None
        self._locks = PortLocks(say)

    def __repr__(self) -> str:
        return f"<board {self.way}>"

    @property
    def emulated(self) -> bool:
        """Whether instructions are counted; hardware measures time instead."""
        return self._kind != "port"

    @short
    def deploy(self, model: Path | str, options: PlanOptions | None = None) -> Deployed:
        """Compile a model and build its firmware, once for all tests; start or flash it when used.

        Raises CompileError and BoardError as `mcuforge deploy` does. Skips the test when no port
        leads to the board.
        """
        path = Path(model)
        if options is not None and not isinstance(options, PlanOptions):
            raise CompileError(
                f"options is {options!r}, expected mcuforge.PlanOptions",
                f"deploy() of {path.name}",
                "options=mcuforge.PlanOptions(goal='ram')",
            )
        try:
            deployed = self._deployed(path, options)
        except UserError as error:
            self._touched.append(_facts_of(self, path.name) | {"error": error.what})
            raise
        self.touch(deployed)
        return deployed

    def _deployed(self, path: Path, options: PlanOptions | None) -> Deployed:
        """Build the check firmware, unless a test has asked for the same before."""
        emulate, exact = self._kind == "emulate", self._kind == "exact"
        session = open_session(path, self.id, emulate=emulate, exact=exact)
        key = session.digest, options
        if key not in self._images:
            protocol = None if self.emulated else self._connection(session).protocol
            self._locks.release()  # others may use the port while this compiles
            compiled = compile_session(session, options)
            folder = self._folder / str(len(self._images))
            built = build_check(session, compiled, folder, protocol=protocol)
            self._images[key] = Image(session, compiled, built)
        return Deployed(self, self._images[key], session)

    def close(self) -> None:
        """End the emulator or free the port, and remove what was built."""
        self.rest()
        self._stop()
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def rest(self) -> None:
        """Free the serial port until a test uses it again; emulators go on."""
        if self.way.port is not None:
            self._stop()
            self._locks.release()

    def take_facts(self) -> list[Facts]:
        """List what was found of each model that was used since this was last called."""
        touched, self._touched = self._touched, []
        return [x.facts() if isinstance(x, Deployed) else x for x in touched]

    def touch(self, deployed: Deployed) -> None:
        """Note that the present test uses a model."""
        if not any(deployed is other for other in self._touched):
            self._touched.append(deployed)

    @contextmanager
    def running(self, image: Image) -> Iterator[tuple[Link, VirtualBoard | None]]:
        """Give a link to the board with this image on it; also the virtual chip, if it is one.

        After any failure the board is started or flashed anew for the next use.
        """
        if self._running is None or self._running.image is not image:
            self._stop()
            self._running = self._start(image)
        try:
            yield self._running.link, self._running.machine
        except BaseException:
            self._stop()
            raise

    def _start(self, image: Image) -> _Running:
        session, built = image.session, image.built
        with ExitStack() as stack:
            machine = None
            if self._kind == "exact":
                exact = open_exact(session, built.firmware.elf, self.quiet)
                link, machine = stack.enter_context(exact)
            elif self._kind == "emulate":
                link = stack.enter_context(open_board(session, built, self.quiet))
            else:
                link = self._flashed(stack, image)
            return _Running(image, link, machine, stack.pop_all())

    def _flashed(self, stack: ExitStack, image: Image) -> Link:
        """Open a link to the board, which is flashed unless this run's last image is this one."""
        session, built = image.session, image.built
        connection = self._connection(session)
        lock = self._locks.of(connection.reach.names[0])
        digest = hashlib.sha256(built.firmware.elf.read_bytes()).hexdigest()
        stamp = f"{self._run_id} {digest}"
        if self._run_id and lock.stamp == stamp:
            with suppress(LinkError), ExitStack() as attempt:  # LinkError: without power meanwhile
                port = hello_port(session.board, session.digest, connection.reach)
                link = attempt.enter_context(open_port(session, port))
                if built.says(link.firmware.build):  # else flashed by a program without our lock
                    stack.push(attempt.pop_all())
                    return link
        lock.stamp = ""
        link = stack.enter_context(open_board(session, built, self.quiet, connection))
        lock.stamp = stamp
        return link

    def _connection(self, session: Session) -> Connection:
        """Find the board's port, once no other process uses it; skips the test if there is none."""
        assert self.way.port is not None
        self._locks.acquire(candidates(session.board, self.way.port))
        self._stop()  # the port is opened to see whether it can be
        try:
            connection = find_connection(session, self.way.port, self.way.protocol)
            self._locks.acquire(connection.reach.names)  # of a probe that was connected just now
            self._locks.keep(connection.reach.names)
            return connection
        except (NoProbePort, PortMissing) as missing:
            self._missing(f"{self.way} is not there: {missing.what}")
            raise

    def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.stack.close()

    def _missing(self, reason: str) -> None:
        """Skip the test by the board's name, unless boards are required."""
        if not self._required:
            pytest.skip(reason)

    def _refuse_no_way(self, board: Board) -> None:
        """Skip the test, or raise BoardError, where the board has no such form at all."""
        way = self.way
        there = {
            "exact": board.virtual is not None,
            "emulate": board.emulator is not None or board.stand_in is not None,
            "port": board.platformio is not None and board.bsp is not None,
            None: board.emulated,
        }
        if there[way.kind]:
            return
        why = {
            "exact": f"'{way.board}' has no virtual chip, --mcuforge-exact needs one",
            "emulate": f"no emulator runs '{way.board}', --mcuforge-emulate needs one",
            "port": f"'{way.board}' is not hardware that mcuforge can flash",
            None: f"no way to '{way.board}': give --mcuforge-port, --mcuforge-emulate or "
            "--mcuforge-exact",
        }
        self._missing(why[way.kind])
        raise BoardError(
            why[way.kind],
            f"board {board.id} ({board.name}), --mcuforge-require",
            f"`mcuforge boards {board.id}` lists the ways to run it",
        )


@dataclass(frozen=True, eq=False)
class Image:
    """A model, compiled and built for a board."""

    session: Session
    compiled: Compiled
    built: Built


@dataclass(frozen=True, eq=False)
class _Running:
    """The image that runs, and what ends when `stack` is closed."""

    image: Image
    link: Link
    machine: VirtualBoard | None
    stack: ExitStack


class Deployed:
    """A model on a board, in one test. Figures are those of `mcuforge deploy`.

    ram, flash: bytes in your own firmware. Everything else needs the board, and is measured when it
    is first asked for.
    """

    def __init__(self, board: OnBoard, image: Image, session: Session) -> None:
        """session: of the file that the test names; the image may be of an equal one."""
        self.board = board
        self.image = image
        self.session = session
        self._report: Report | None = None

    def __repr__(self) -> str:
        return f"<{self.session.path.name} on {self.board.way}>"

    @property
    def ram(self) -> int:
        """Bytes of RAM: arena, static data and stack."""
        image = self.image
        return image.built.ram(image.compiled, ram_budget(image.session.board), None).total

    @property
    def flash(self) -> int:
        """Bytes of flash: weights and code."""
        return self.image.built.flash().total

    @property
    @short
    def instructions(self) -> int:
        """Instructions of one inference; BoardError on hardware, which counts none.

        VerdictFailed where the run that they are of has wrong answers or does not fit.
        """
        found = self._passed().run.instructions
        if found is None:
            raise BoardError(
                "hardware counts no instructions",
                f"board {self.board.id}",
                "test `board.emulated` first; `microseconds` is what hardware measures",
            )
        return found

    @property
    @short
    def microseconds(self) -> float:
        """Time of one inference on hardware; BoardError on an emulated board.

        VerdictFailed where the run that it is of has wrong answers or does not fit.
        """
        found = self._passed().run.microseconds
        if found is None:
            raise BoardError(
                "an emulated board measures no time",
                f"board {self.board.way}",
                "test `board.emulated` first; `instructions` is what emulators count",
            )
        return found

    @property
    @short
    def accuracy(self) -> float:
        """Share of the labels of this object's last check that the board names.

        CompileError where that check had no labels or came to no end, and before any check.
        """
        found = None if self._report is None else self._report.check.accuracy
        if found is None:
            raise CompileError(
                "the accuracy is not known: no check, or one without labels or an end",
                repr(self),
                "check(data) first, with labels y of a model whose output names a class",
            )
        return found

    @property
    @short
    def report(self) -> Report:
        """The report of the last check; without one, of two random samples.

        Its verdict may be "fail": a report is there to be looked at.
        """
        if self._report is None:
            self._measure(random_samples(self.image.compiled.graph, REPORT_SAMPLES))
        assert self._report is not None
        return self._report

    @short
    def run(self, *inputs: Array) -> Array | tuple[Array, ...]:
        """Run samples on the board, and return its answers as the model's file states them.

        inputs: one array [n, ...] per input, n samples in the input's own dtype and shape, or
        float32 with real values. Returns an array [n, ...] in the output's own dtype; a tuple of
        them for several outputs. Raises CompileError for other shapes and dtypes, BoardError when
        the board fails.
        """
        compiled, graph = self.image.compiled, self.image.compiled.graph
        if len(inputs) != len(graph.inputs):
            names = ", ".join(f"'{tensor.name}'" for tensor in graph.inputs)
            raise CompileError(
                f"{counted(len(inputs), 'array')} given, expected {len(graph.inputs)}",
                f"run() of {self!r}",
                f"give one array for each input, in this order: {names}",
            )
        arrays = {f"x{i}": np.asarray(x) for i, x in enumerate(inputs)}
        self.board.touch(self)
        samples = samples_of(graph, arrays, f"run() of {self!r}", "run()")
        with self.board.running(self.image) as (link, _):
            answers = run_samples(link, compiled, samples, self.board.quiet)
        found = tuple(
            to_file(values.reshape(len(values), *t.shape), port_of(graph, t), t)
            for values, t in zip(answers.outputs, graph.outputs, strict=True)
        )
        return found[0] if len(found) == 1 else found

    @short
    def check(self, data: Path | str | Mapping[str, Array], samples: int | None = None) -> Check:
        """Run labelled or unlabelled samples, and compare every answer with the reference's.

        data: an .npz file with x (or x0, x1, ...) and perhaps y, or such arrays by name. samples:
        the first so many. Raises VerdictFailed with the reasons if an answer is wrong or the model
        does not fit; CompileError for unusable data, BoardError when the board fails.
        """
        self._report = None  # what an earlier check found is not the answer if this one breaks off
        graph = self.image.compiled.graph
        if isinstance(data, Mapping):
            arrays = {name: np.asarray(x) for name, x in data.items()}
            drawn = samples_of(
                graph,
                arrays,
                f"check() of {self!r}",
                "arrays of a test",
                samples,
                noun="the dict",
                made="check(dict({}))",
            )
        else:
            drawn = load_samples(graph, Path(data), samples)
        self._measure(drawn)
        return self._passed().check

    def _passed(self) -> Report:
        """The report; VerdictFailed where its verdict is fail."""
        report = self.report
        if report.verdict != "pass":
            reasons = "\n".join(f"reason: {reason}" for reason in report.reasons)
            raise VerdictFailed(f"{self!r}: verdict fail\n{reasons}")
        return report

    def facts(self) -> Facts:
        """What is known so far, as --mcuforge-record writes it; None: not measured."""
        session = self.session
        facts = _facts_of(self.board, session.path.name)
        facts |= {"sha256": session.digest.hex(), "ram": self.ram, "flash": self.flash}
        report = self._report
        if report is not None:
            run, check = report.run, report.check
            facts |= {"instructions": run.instructions, "microseconds": run.microseconds}
            facts |= {"data": check.data, "samples": check.samples}
            facts |= {"exact_samples": check.exact_samples, "accuracy": check.accuracy}
            facts |= {"verdict": report.verdict, "reasons": list(report.reasons)}
        return facts

    def _measure(self, samples: Samples) -> None:
        """Make the report of samples."""
        session, compiled = self.session, self.image.compiled
        self.board.touch(self)
        with (
            judge(session.graph, session.path, samples.inputs) as oracle,
            self.board.running(self.image) as (link, machine),
        ):
            measured = measure_board(link, compiled, samples, oracle, self.board.quiet)
        self._report = make_report(session, compiled, self.image.built, measured, machine)


def _facts_of(board: OnBoard, model: str) -> Facts:
    """The facts of a model of which nothing else is known."""
    head: Facts = {"board": board.id, "way": board.way.kind or "emulate", "model": model}
    return head | dict.fromkeys(NOT_KNOWN)
