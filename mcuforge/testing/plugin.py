# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: options, the fixture `board`, and the record of what tests found.

pytest imports this file in every run where mcuforge is installed. So it imports only pytest and
what is light, and the rest once a test asks for a board.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from mcuforge.testing.ways import ALL, BoardWay, board_ways

if TYPE_CHECKING:
    from mcuforge.testing.board import OnBoard

NO_BOARD = (
    "no board is given: --mcuforge-board ID with --mcuforge-emulate, --mcuforge-exact or "
    "--mcuforge-port (`mcuforge boards` lists them)"
)
WAY_FIXTURE = "mcuforge_way"
PROPERTY = "mcuforge"  # of a test's report, also in JUnit files: one JSON object per model
USES_BOARD = "mcuforge_uses_board"  # of a test's report: pytest-xdist sends it along
SCHEMA = 1  # of the file of --mcuforge-record, which docs/testing.md describes

WAYS = pytest.StashKey[tuple[BoardWay, ...]]()
OPENED = pytest.StashKey["list[OnBoard]"]()
RUN_ID = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; docs/testing.md explains them."""
    group = parser.getgroup("mcuforge", "tests on microcontroller boards")
    group.addoption(
        "--mcuforge-board",
        action="append",
        default=[],
        metavar="ID",
        help="board for the fixture `board`; repeat it for several, `all` is the whole catalog",
    )
    group.addoption(
        "--mcuforge-emulate", action="store_true", help="run the boards on their emulators"
    )
    group.addoption(
        "--mcuforge-exact",
        action="store_true",
        help="run the images for the hardware on virtual chips",
    )
    group.addoption(
        "--mcuforge-port",
        action="append",
        default=[],
        metavar="auto|PORT",
        help="flash the boards and test over these ports, one for each board; auto finds them",
    )
    group.addoption("--mcuforge-protocol", metavar="NAME", help="how to flash: stlink, jlink, ...")
    group.addoption(
        "--mcuforge-require",
        action="store_true",
        help="a board that is not there fails its tests instead of skipping them",
    )
    group.addoption(
        "--mcuforge-record", metavar="FILE", help="write what tests found on boards as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the options; wrong ones end the run before a test is collected."""
    config.stash[OPENED] = []
    config.stash[WAYS] = _board_ways(config)
    file = config.getoption("--mcuforge-record")
    if file is not None and not is_worker(config):
        from mcuforge.errors import UserError
        from mcuforge.report.files import refuse_unwritable

        try:
            refuse_unwritable(Path(file))
        except UserError as error:
            raise pytest.UsageError(f"--mcuforge-record: {error}") from None
        config.pluginmanager.register(Record(Path(file)), "mcuforge-record")


def _board_ways(config: pytest.Config) -> tuple[BoardWay, ...]:
    boards = config.getoption("--mcuforge-board")
    if boards:
        from mcuforge.boards.catalog.board import all_boards, load_board
        from mcuforge.errors import BoardError

        if ALL in boards:
            boards = [board.id for board in all_boards()]
        try:
            for board in boards:
                load_board(board)
        except BoardError as error:
            raise pytest.UsageError(f"--mcuforge-board: {error}") from None
    try:
        return board_ways(
            tuple(dict.fromkeys(boards)),
            config.getoption("--mcuforge-port"),
            emulate=config.getoption("--mcuforge-emulate"),
            exact=config.getoption("--mcuforge-exact"),
            protocol=config.getoption("--mcuforge-protocol"),
        )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the boards above the run."""
    given = config.stash[WAYS]
    named = ", ".join(str(way) for way in given)
    return f"mcuforge: {named}" if named else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a board once for every way."""
    given = metafunc.config.stash[WAYS]
    if given and WAY_FIXTURE in metafunc.fixturenames:
        params = [way_param(metafunc.config, way) for way in given]
        metafunc.parametrize(WAY_FIXTURE, params, indirect=True, scope="session")


def way_param(config: pytest.Config, way: BoardWay) -> object:
    """Make the parameter of a test; with `--dist loadgroup` one worker runs all tests of a port."""
    groups = way.port is not None and (is_worker(config) or config.pluginmanager.hasplugin("xdist"))
    name = way.board if way.port == "auto" else way.port
    marks = [pytest.mark.xdist_group(name)] if groups else []
    return pytest.param(way, id=str(way), marks=marks)


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of pytest-xdist's, which send their reports to another."""
    return hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def mcuforge_way(request: pytest.FixtureRequest) -> BoardWay | None:
    """The way of this test; None where no option names one."""
    way: BoardWay | None = getattr(request, "param", None)
    return way


@pytest.fixture(scope="session")
def board(mcuforge_way: BoardWay | None, request: pytest.FixtureRequest) -> Iterator[OnBoard]:
    """A microcontroller board, emulated or real: `board.deploy(model)`, then run and check."""
    config = request.config
    required = config.getoption("--mcuforge-require")
    if mcuforge_way is None:
        end = pytest.fail if required else pytest.skip
        end(NO_BOARD)
    from mcuforge.testing.board import OnBoard

    run_id, say = _run_id(config), partial(_say, config)
    with OnBoard(mcuforge_way, required=required, run_id=run_id, say=say) as opened:
        config.stash[OPENED].append(opened)
        yield opened
        config.stash[OPENED].remove(opened)


def _say(config: pytest.Config, words: str) -> None:
    """Tell the user something at once, past pytest's capture."""
    from mcuforge.testing.lock import say_on_stderr

    capture = config.pluginmanager.getplugin("capturemanager")
    with nullcontext() if capture is None else capture.global_and_fixture_disabled():
        say_on_stderr(words)


def _run_id(config: pytest.Config) -> str:
    """A name of this run of pytest, the same in all of its workers."""
    if is_worker(config):
        return str(getattr(config, "workerinput")["testrunuid"])  # noqa: B009 (not declared)
    return config.stash.setdefault(RUN_ID, uuid4().hex)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Add what was found to the test's report, and free serial ports for other processes."""
    for opened in item.config.stash[OPENED]:
        item.user_properties += [(PROPERTY, json.dumps(facts)) for facts in opened.take_facts()]
    try:
        return (yield)
    finally:
        for opened in item.config.stash[OPENED]:
            opened.rest()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in a test's report that it uses the board, also if it was skipped before it did."""
    report = yield
    setattr(report, USES_BOARD, WAY_FIXTURE in getattr(item, "fixturenames", ()))
    return report


class Record:
    """Collects the properties of tests where the run was started, and writes them as one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failure: str | None = None
        self._outcomes: dict[str, str] = {}
        self._found: dict[str, list[object]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase of a test: the worst outcome counts."""
        name = report.nodeid
        if report.outcome != "passed" or name not in self._outcomes:
            self._outcomes[name] = report.outcome
        if report.when == "teardown":
            found = [json.loads(str(v)) for k, v in report.user_properties if k == PROPERTY]
            if found or getattr(report, USES_BOARD, False):
                self._found[name] = found

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file, also without a test that used a board; the run fails if that fails."""
        from mcuforge.errors import UserError
        from mcuforge.report.files import write_whole
        from mcuforge.version import VERSION

        tests = [
            {"test": name, "outcome": self._outcomes[name], "deployed": found}
            for name, found in self._found.items()
        ]
        content = {"schema": SCHEMA, "mcuforge": VERSION, "tests": tests}
        try:
            write_whole(self._path, json.dumps(content, indent=2) + "\n")
        except UserError as error:
            self._failure = f"--mcuforge-record: {error}"
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say why the file could not be written."""
        if self._failure is not None:
            terminalreporter.write_line(self._failure, red=True)
