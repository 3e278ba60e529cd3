# SPDX-License-Identifier: Apache-2.0
"""Try many model files: which are accepted, which are exact here and on a board, and why not.

    python -m scripts.zoo DIR [FILE ...]        folders, model files, or .txt lists of them
    python -m scripts.zoo DIR --no-board        on this machine only: seconds per model
    python -m scripts.zoo DIR --document NAME   write the summary into docs/coverage.md too

Each model has a process of its own, with limits of time and memory, and one bad file ends nothing.
Results are kept in a journal (out/zoo.jsonl), so a zoo that is started again goes on where it was;
a changed model, changed answers or changed code of ours are tried anew. Where NAME_onnx.npz or
NAME_tflite.npz lies beside a model (`in_*`, `out_*`), its answers are compared too. Exit code 1 if
an answer is wrong, or a process was killed or died.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from scripts.coverage import DOCUMENT, with_summary
from scripts.zoo_table import Result, summary, table

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = (".tflite", ".onnx")
MOST_JOBS = 2
JOURNAL = Path("out/zoo.jsonl")
OUR_CODE = ("mcuforge", "compiler", "memplan", "boards", "runtime_c")
CODE_SUFFIXES = (".py", ".c", ".h", ".j2", ".toml", ".ld", ".S")


@dataclass(frozen=True)
class Limits:
    """What each model may take, and what is done with it."""

    board: str | None
    samples: int
    seconds: float
    mebibytes: int

    @property
    def words(self) -> list[str]:
        """The arguments of `scripts.zoo_model`."""
        board = [] if self.board is None else ["--board", self.board]
        return [*board, "--samples", str(self.samples), "--mebibytes", str(self.mebibytes)]


class Journal:
    """Results by key, one line of JSON each; lines that are damaged are done again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[str, Result] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
                self._known[entry["key"]] = Result.of(entry["result"])
            except (ValueError, KeyError, TypeError):
                continue  # a line that was half written when somebody pulled the plug

    def get(self, key: str) -> Result | None:
        """The result of a key, None when there is none yet."""
        return self._known.get(key)

    def put(self, key: str, result: Result) -> None:
        """Write a result; it is on disk when this returns."""
        line = json.dumps({"key": key, "result": result.record()}) + "\n"
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


class Pool:
    """Runs `scripts.zoo_model`, and ends every process of it that is left."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._running: set[subprocess.Popen[str]] = set()
        self._is_closed = False
        self._lock = Lock()

    def run(self, name: str, model: Path) -> Result:
        """Examine one model within the limits; never raises for what the model does."""
        with tempfile.TemporaryDirectory(prefix="mcuforge-zoo-") as folder:
            output, errors = Path(folder) / "output", Path(folder) / "errors"
            with output.open("w") as stdout, errors.open("w") as stderr:
                died = self._wait(model, folder, stdout.fileno(), stderr.fileno())
            said = [line for line in errors.read_text(errors="replace").splitlines() if line]
            if died.startswith("exit") and said:
                died = said[-1][:300]
            lines = output.read_text(errors="replace").splitlines()
            return Result(name, tuple(map(json.loads, lines)), died)

    def _wait(self, model: Path, folder: str, stdout: int, stderr: int) -> str:
        """Wait for the process of a model; '' or why it did not come to its end."""
        command = [sys.executable, "-m", "scripts.zoo_model", str(model.resolve())]
        process = subprocess.Popen(
            [*command, *self._limits.words],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,  # so that all its processes can be ended at once
        )
        with self._lock:
            self._running.add(process)
            is_closed = self._is_closed
        try:
            if is_closed:  # while the process was started
                return "ended with the zoo"
            code = process.wait(self._limits.seconds)
            return "" if code == 0 else f"exit status {code}"
        except subprocess.TimeoutExpired:
            return f"not done after {self._limits.seconds:g} s"
        finally:
            self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """End a process with all that it started."""
        with self._lock:
            self._running.discard(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End all processes, and those that are being started."""
        with self._lock:
            self._is_closed = True
            running = tuple(self._running)
        for process in running:
            self._end(process)


def models(given: Sequence[Path]) -> dict[str, Path]:
    """Find the model files of folders, of lists and by name; name in the table -> file."""
    found: dict[str, Path] = {}
    for place in given:
        for name, path in _models(place):
            if path not in found.values():
                found[name if name not in found else str(path)] = path
    return found


def _models(place: Path) -> Iterator[tuple[str, Path]]:
    if place.is_dir():
        for path in sorted(p for p in place.rglob("*") if p.suffix in SUFFIXES and p.is_file()):
            yield path.relative_to(place).as_posix(), path
    elif place.suffix == ".txt":
        for line in place.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield from _models(place.parent / line.strip())
    elif place.is_file():
        yield place.name, place
    else:
        raise SystemExit(f"{place} is no folder, no model file and no list of them (.txt)")


def code_digest() -> str:
    """A digest of all files that a result depends on, of ours."""
    sha = hashlib.sha256()
    files = [p for room in OUR_CODE for p in (ROOT / room).rglob("*") if p.suffix in CODE_SUFFIXES]
    for path in (*sorted(files), ROOT / "scripts/zoo_model.py"):
        sha.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return sha.hexdigest()[:16]


def key_of(model: Path, limits: Limits, code: str) -> str:
    """A digest of everything that a model's result depends on; code: that of our own."""
    sha = hashlib.sha256(f"{code} {limits}".encode())
    beside = sorted(model.parent.glob(f"{glob.escape(model.stem)}*"))
    for path in (model, *beside):  # answers and data files have the model's name in front
        if path.is_file():
            sha.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()[:32]


def examined(
    files: Mapping[str, Path], limits: Limits, journal: Journal, jobs: int
) -> dict[str, Result]:
    """Examine all models, at most `jobs` at a time; those that the journal knows are not run."""
    code = code_digest()
    keys = {name: key_of(path, limits, code) for name, path in files.items()}
    known = {name: journal.get(key) for name, key in keys.items()}
    results = {
        name: Result(name, found.steps, found.died) for name, found in known.items() if found
    }
    if results:
        print(f"{len(results)} of {len(files)} are in the journal", file=sys.stderr)
    pool = Pool(limits)
    executor = ThreadPoolExecutor(min(jobs, MOST_JOBS))
    try:
        waiting = {
            executor.submit(pool.run, name, path): name
            for name, path in files.items()
            if name not in results
        }
        for done in as_completed(waiting):
            result = done.result()
            results[result.name] = result
            if code_digest() == code:  # else somebody is at work on it: nothing to remember
                journal.put(keys[result.name], result)
            count = f"{len(results)} of {len(files)}"
            print(f"{count} {result.name}: {result.headline}", file=sys.stderr, flush=True)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        pool.close()
    return {name: results[name] for name in files}


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the summary as Markdown; 1 when something is wrong and not refused."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--board", default="qemu-mps2-an500", metavar="ID")
    parser.add_argument("--no-board", action="store_true", help="this machine only")
    parser.add_argument("--samples", type=int, default=4, help="random ones of each model")
    parser.add_argument("--jobs", type=int, default=MOST_JOBS, choices=range(1, MOST_JOBS + 1))
    parser.add_argument("--seconds", type=float, default=600, help="the most for one model")
    parser.add_argument("--mebibytes", type=int, default=6144, help="memory of each process")
    parser.add_argument("--journal", type=Path, default=JOURNAL)
    parser.add_argument("--document", metavar="NAME", help="the set's name in docs/coverage.md")
    chosen = parser.parse_args(arguments)
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))  # ends what runs too
    board = None if chosen.no_board else chosen.board
    limits = Limits(board, chosen.samples, chosen.seconds, chosen.mebibytes)
    files = models(chosen.places)
    results = tuple(examined(files, limits, Journal(chosen.journal), chosen.jobs).values())
    found = summary(results, board)
    print("\n".join((*table(results), "", *found)))
    if chosen.document:
        text = DOCUMENT.read_text(encoding="utf-8")
        places = " ".join(map(str, chosen.places))
        found = (f"`python -m scripts.zoo {places} --document {chosen.document}`:", "", *found)
        DOCUMENT.write_text(with_summary(text, chosen.document, found), encoding="utf-8")
    return 1 if any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
