# SPDX-License-Identifier: Apache-2.0
"""The client of the check firmware: inputs in, steps run, tensors and counters out."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NoReturn, Self, TypeVar

from mcuforge.boards.link.errors import (
    Garbage,
    ModelFailed,
    SessionTaken,
    WrongBoard,
    WrongModel,
)
from mcuforge.boards.link.exchange import SMALL_ANSWER_BYTES, Exchange, Request
from mcuforge.boards.link.frame import (
    GOES_ON,
    PROTOCOL,
    TIMED_STEPS,
    Kind,
    Mode,
    Space,
    Status,
)
from mcuforge.boards.link.messages import (
    Counters,
    Hello,
    Malformed,
    RunAnswer,
    TensorInfo,
    join_data,
    read_counters,
    read_hello,
    read_open,
    read_protocol,
    read_run,
    read_tensor,
)
from mcuforge.boards.link.port import DEFAULT_BAUD, Port
from mcuforge.errors import InternalError

TIMEOUT_S = 10.0
RUN_TIMEOUT_S = 60.0
NAME_BYTES = 39  # the firmware cuts what its hello says
HELLO_BYTES = 300  # about the size of the longest answers but READ's
OPEN_TRIES = 3  # another session may be opened, or another model flashed, between HELLO and OPEN

T = TypeVar("T")
U = TypeVar("U")


class Link:
    """A session with one board: open it and call hello() before any other method.

    hello() also reads what the model's `inputs` and `outputs` are. Every method raises a LinkError
    (a BoardError) when the board is silent, crashed or was reset, or when the line carries other
    bytes. Damaged and lost frames are sent again. After an error other than a refusal only hello()
    helps: nobody knows which requests the board has executed.
    """

    def __init__(
        self, port: Port, timeout_s: float = TIMEOUT_S, run_timeout_s: float = RUN_TIMEOUT_S
    ) -> None:
        self._run_timeout_s = run_timeout_s
        self._exchange = Exchange(port, timeout_s)
        self._hello: Hello | None = None
        self.inputs: tuple[TensorInfo, ...] = ()
        self.outputs: tuple[TensorInfo, ...] = ()
        self._streams: dict[int, bytes] = {}  # the source of streamed inputs
        self._written: dict[int, bytes] = {}  # the other inputs, until a run uses them up

    @classmethod
    def open(
        cls,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        run_timeout_s: float = RUN_TIMEOUT_S,
        baud: int = DEFAULT_BAUD,
    ) -> Self:
        """Open a tty, a pty or a pyserial URL.

        An answer may take up to `timeout_s` seconds, a run up to `run_timeout_s`, and a transfer or
        a run as a whole three times as long and half a millisecond per byte. A run shorter than an
        eighth of `run_timeout_s` is never interrupted by the question whether it has ended.
        """
        return cls(Port.open(url, baud), timeout_s, run_timeout_s)

    def close(self) -> None:
        """Close the port."""
        self._exchange.port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def hello(self, model_hash: bytes | None = None, board: str | None = None) -> Hello:
        """Ask the board who it is and open a session, which initializes the model.

        `model_hash` is the SHA-256 of the user's model file, `board` the board's id; None accepts
        any. WrongModel or WrongBoard when the firmware has another one.
        """
        for _ in range(OPEN_TRIES):
            hello = self._ask_hello(model_hash, board)
            if self._open(hello):
                break
        else:
            raise SessionTaken(
                f"another program opened a session or flashed the board {OPEN_TRIES} times while "
                "this session was to begin",
                self._exchange.where,
                "let one program at a time use the board",
            )
        self._streams, self._written = {}, {}
        self.inputs = self._tensors(0, hello.input_count)
        self.outputs = self._tensors(1, hello.output_count)
        self._hello = hello
        return hello

    def _ask_hello(self, model_hash: bytes | None, board: str | None) -> Hello:
        doing = "waiting for its hello"
        self._exchange.begin()
        frame = self._exchange.ask(Request(Kind.HELLO, answer_bytes=HELLO_BYTES), doing)
        protocol = self._read(read_protocol, frame.body, doing)
        if protocol != PROTOCOL:
            self._exchange.refuse_version(protocol, doing)
        hello = self._read(read_hello, frame.body, doing)
        self._exchange.where = f"board {hello.board} on port {self._exchange.port.name}"
        if board is not None and hello.board != board[:NAME_BYTES]:
            raise WrongBoard(
                f"the firmware that answers was built for '{hello.board}', expected '{board}'",
                f"port {self._exchange.port.name}",
                "another board is at this port, or holds firmware of another board: `mcuforge "
                "doctor --board ID` lists the ports",
            )
        if model_hash is not None and hello.model_hash != model_hash:
            raise WrongModel(
                f"the firmware holds '{hello.model}' with SHA-256 {hello.model_hash.hex()}, "
                f"expected {model_hash.hex()}",
                self._exchange.where,
                "flash the firmware of this model: `mcuforge deploy` does it",
            )
        return hello

    def _open(self, hello: Hello) -> bool:
        """Open the session; False if the board is not what it was at that hello."""
        doing = "opening the session"
        body = struct.pack("<I", hello.epoch) + hello.model_hash
        frame = self._exchange.ask(Request(Kind.OPEN, body), doing)
        if frame.status == Status.STALE:
            return False
        status = self._read(read_open, frame.body, doing)
        if status != 0:
            raise ModelFailed(
                f"the model refused its arena of {hello.arena_bytes} B (status {status})",
                self._exchange.where,
                "build and flash again; if it stays, report it with the model",
            )
        self._exchange.in_session = True
        self._exchange.window = max(hello.window, 1)
        return True

    @property
    def firmware(self) -> Hello:
        """What the firmware said of itself; InternalError before hello()."""
        if self._hello is None:
            raise InternalError("the link is used before hello()")
        return self._hello

    @property
    def traffic(self) -> int:
        """Bytes sent and received so far, frames and repetitions included."""
        return self._exchange.traffic

    @property
    def now_s(self) -> float:
        """Seconds on the clock of the port: virtual ones if the board is virtual."""
        return self._exchange.port.now_s()

    def write_input(self, index: int, data: bytes) -> None:
        """Fill input `index` (row-major, little-endian); InternalError for a wrong size.

        The rows of a streamed input are kept here until a run asks for them.
        """
        if writes := self._take_input(index, data):
            self._exchange.ask_all(writes, f"writing input {index}")

    def _take_input(self, index: int, data: bytes) -> list[Request]:
        """Remember an input, and make the requests that write it unless it is streamed."""
        tensor = self._tensor(self.inputs, "input", index)
        if len(data) != tensor.bytes:
            raise InternalError(f"input {index} takes {tensor.bytes} B, not {len(data)} B")
        if tensor.row_bytes:
            self._streams[index] = data
            return []
        self._written[index] = data
        return self._writes(index, 0, data)

    def run(
        self,
        begin: int = 0,
        end: int | None = None,
        *,
        poison: bool = False,
        timeout_s: float | None = None,
    ) -> int:
        """Run steps [begin, end), by default all of them; returns the ticks at Hello.tick_hz.

        `begin` is 0, or where the run before ended. A run from 0 needs its inputs written since the
        last one: the board compares their CRC-32 with that of what was written here.
        Rows of streamed inputs are sent as the model asks for them; only the model's own ticks
        count. `poison`: after each step all dead bytes are overwritten (Hello.poison says whether
        the build can). `timeout_s` bounds the time between two rows (default: the link's
        run_timeout_s). Raises ModelFailed when the model returns an error.
        """
        last = self.firmware.steps if end is None else end
        limit_s = self._run_timeout_s if timeout_s is None else timeout_s
        mode = Mode.POISON if poison else Mode.PLAIN
        return sum(part.ticks for part in self._run_parts(begin, last, mode, limit_s))

    def infer(
        self, inputs: Sequence[bytes], *, poison: bool = False
    ) -> tuple[list[bytes], Counters]:
        """Write all inputs, run all steps and read all outputs and the counters.

        As write_input, run, read_output and counters do it, in two exchanges instead of one each:
        inputs and RUN, outputs and counters.
        """
        writes: list[Request] = []
        for index, data in enumerate(inputs):
            writes += self._take_input(index, data)
        mode = Mode.POISON if poison else Mode.PLAIN
        for _ in self._run_parts(0, self.firmware.steps, mode, self._run_timeout_s, writes):
            pass
        reads = [self._reads(Space.OUTPUT, i, 0, x.bytes) for i, x in enumerate(self.outputs)]
        doing = "reading outputs"
        asked = [*chain.from_iterable(reads), Request(Kind.COUNTERS, answer_bytes=HELLO_BYTES)]
        *frames, last = self._exchange.ask_all(asked, doing)
        outputs = []
        for requests, tensor in zip(reads, self.outputs, strict=True):
            mine, frames = frames[: len(requests)], frames[len(requests) :]
            outputs.append(self._read(partial(join_data, tensor.bytes), mine, doing))
        return outputs, self._read(read_counters, last.body, doing)

    def time_steps(self) -> Iterator[tuple[int, int]]:
        """Run every step and yield its number and its ticks, as `run` counts them.

        A step that waits for a row of a streamed input is yielded once more for every such row.
        """
        steps = self.firmware.steps
        for begin in range(0, steps, TIMED_STEPS):
            end = min(begin + TIMED_STEPS, steps)
            at = begin
            for part in self._run_parts(begin, end, Mode.TIME_STEPS, self._run_timeout_s):
                done = part.reached + (part.reached < end)  # the step that waits has begun
                yield from enumerate(part.step_ticks[: done - at], at)
                at = part.reached

    def _run_parts(
        self, begin: int, end: int, mode: Mode, limit_s: float, before: Sequence[Request] = ()
    ) -> Iterator[RunAnswer]:
        """Run steps [begin, end) in parts, each up to a missing row of a streamed input.

        before: requests that are sent with the first part.
        """
        doing = f"running steps {begin} to {end}"
        if begin == 0:
            part = self._run_part(0, end, mode, self._use_inputs(), doing, limit_s, before)
        else:
            part = self._run_part(begin, end, mode | GOES_ON, 0, doing, limit_s)
        yield part
        asked: set[tuple[int, int]] = set()
        while part.reached < end:
            wanted = (part.input, part.row)
            if wanted in asked or part.reached < begin:
                self._refuse_row(part, "asks for it again", doing)
            asked.add(wanted)
            crc = self._send_row(part, doing)
            part = self._run_part(part.reached, end, mode | GOES_ON, crc, doing, limit_s)
            yield part

    def _use_inputs(self) -> int:
        """The CRC-32 of the inputs that the next run uses up."""
        crc = 0
        for index, tensor in enumerate(self.inputs):
            if tensor.row_bytes:
                continue
            if index not in self._written:
                raise InternalError(f"input {index} is run before it is written")
            crc = zlib.crc32(self._written[index], crc)
        self._written = {}
        return crc

    def _run_part(
        self,
        begin: int,
        end: int,
        mode: int,
        crc: int,
        doing: str,
        limit_s: float,
        before: Sequence[Request] = (),
    ) -> RunAnswer:
        request = Request(Kind.RUN, struct.pack("<IIII", begin, end, mode, crc))
        frame = self._exchange.ask_all([*before, request], doing, limit_s)[-1]
        timed = end - begin if mode & ~GOES_ON == Mode.TIME_STEPS else 0
        answer = self._read(partial(read_run, timed), frame.body, doing)
        if frame.status == Status.MODEL:
            raise ModelFailed(
                f"the model failed on the board (status {answer.status})",
                f"{self._exchange.where}, while {doing}",
                "build and flash again; if it stays, report it with the model",
            )
        return answer

    def _send_row(self, part: RunAnswer, doing: str) -> int:
        """Send the row that the run waits for; returns its CRC-32."""
        data = self._streams.get(part.input)
        if data is None:
            if 0 <= part.input < len(self.inputs) and self.inputs[part.input].row_bytes:
                raise InternalError(f"streamed input {part.input} is run before it is written")
            self._refuse_row(part, "has no such streamed input", doing)
        size = self.inputs[part.input].row_bytes
        row = data[part.row * size : (part.row + 1) * size]
        if not row:
            self._refuse_row(part, "has no such row", doing)
        writes = self._writes(part.input, part.row * size, row)
        self._exchange.ask_all(writes, f"{doing}: row {part.row}")
        return zlib.crc32(row)

    def _refuse_row(self, part: RunAnswer, why: str, doing: str) -> NoReturn:
        raise Garbage(
            f"the board asks for row {part.row} of input {part.input} at step {part.reached} "
            f"and {why}",
            f"{self._exchange.where}, while {doing}",
            "build and flash the firmware again with this mcuforge",
        )

    def _writes(self, index: int, offset: int, data: bytes) -> list[Request]:
        step = self.firmware.data_bytes
        return [
            Request(Kind.WRITE, struct.pack("<II", index, offset + at) + data[at : at + step])
            for at in range(0, len(data), step)
        ]

    def read_output(self, index: int) -> bytes:
        """Read output `index` as it stands after the last run."""
        tensor = self._tensor(self.outputs, "output", index)
        return self._read_bytes(Space.OUTPUT, index, 0, tensor.bytes, f"reading output {index}")

    def read_arena(self, offset: int, size: int, arena: int = 0) -> bytes:
        """Read `size` bytes of an arena at `offset`: an intermediate tensor between two runs."""
        return self._read_bytes(Space.ARENA, arena, offset, size, f"reading arena {arena}")

    def counters(self) -> Counters:
        """Read ticks, stack and canaries of the last run, and the line's lost bytes and frames."""
        doing = "reading its counters"
        frame = self._exchange.ask(Request(Kind.COUNTERS, answer_bytes=HELLO_BYTES), doing)
        return self._read(read_counters, frame.body, doing)

    def _tensors(self, direction: int, count: int) -> tuple[TensorInfo, ...]:
        doing = "asking for its tensors"
        frames = self._exchange.ask_all(
            [
                Request(Kind.TENSOR, struct.pack("<II", direction, i), HELLO_BYTES)
                for i in range(count)
            ],
            doing,
        )
        return tuple(self._read(read_tensor, frame.body, doing) for frame in frames)

    def _reads(self, space: Space, index: int, offset: int, size: int) -> list[Request]:
        step, end = self.firmware.data_bytes, offset + size
        chunks = [(at, min(step, end - at)) for at in range(offset, end, step)]
        return [
            Request(
                Kind.READ,
                struct.pack("<IIII", space, index, at, count),
                count + SMALL_ANSWER_BYTES,
            )
            for at, count in chunks
        ]

    def _read_bytes(self, space: Space, index: int, offset: int, size: int, doing: str) -> bytes:
        frames = self._exchange.ask_all(self._reads(space, index, offset, size), doing)
        return self._read(partial(join_data, size), frames, doing)

    def _read(self, reader: Callable[[U], T], said: U, doing: str) -> T:
        """Read an answer; a malformed one comes from another version of the firmware."""
        try:
            return reader(said)
        except Malformed as error:
            raise Garbage(
                f"an answer of the board cannot be read ({error})",
                f"{self._exchange.where}, while {doing}",
                "build and flash the firmware again with this mcuforge",
            ) from error

    def _tensor(self, tensors: tuple[TensorInfo, ...], what: str, index: int) -> TensorInfo:
        _ = self.firmware  # hello() comes first
        if not 0 <= index < len(tensors):
            raise InternalError(f"{what} {index} of a model with {len(tensors)}")
        return tensors[index]
