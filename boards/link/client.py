# SPDX-License-Identifier: Apache-2.0
"""The client of the check firmware: inputs in, layers run, tensors and counters out."""

import struct
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from mcuforge.boards.link.errors import Garbage, ModelFailed, WrongModel
from mcuforge.boards.link.exchange import Exchange, Request
from mcuforge.boards.link.frame import PROTOCOL, Frame, Kind, Space, Status
from mcuforge.boards.link.messages import (
    Counters,
    Hello,
    Malformed,
    TensorInfo,
    read_counters,
    read_data,
    read_hello,
    read_protocol,
    read_run,
    read_tensor,
)
from mcuforge.boards.link.port import DEFAULT_BAUD, Port
from mcuforge.errors import InternalError

TIMEOUT_S = 10.0
RUN_TIMEOUT_S = 60.0

T = TypeVar("T")


class Link:
    """A session with one board. Open it, say hello, and the rest follows.

    Every method raises a LinkError (a BoardError) when the board is silent, crashed, was reset,
    or the line carries something else; damaged and lost frames are sent again.
    """

    def __init__(
        self, port: Port, timeout_s: float = TIMEOUT_S, run_timeout_s: float = RUN_TIMEOUT_S
    ) -> None:
        self._run_timeout_s = run_timeout_s
        self._exchange = Exchange(port, timeout_s)
        self._hello: Hello | None = None
        self._inputs: tuple[TensorInfo, ...] = ()
        self._outputs: tuple[TensorInfo, ...] = ()

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

        An answer may take up to `timeout_s` seconds, a run up to `run_timeout_s`. A run shorter
        than an eighth of that is never disturbed by a question whether it has ended.
        """
        return cls(Port.open(url, baud), timeout_s, run_timeout_s)

    def close(self) -> None:
        """Give the port back."""
        self._exchange.port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def hello(self, model_hash: bytes | None = None) -> Hello:
        """Open a session: the model starts afresh. WrongModel unless `model_hash` is the board's.

        `model_hash` is the SHA-256 of the user's model file; None accepts any.
        """
        doing = "waiting for its hello"
        self._exchange.in_session = False
        frame = self._exchange.ask(Request(Kind.HELLO), doing)
        protocol = self._read(read_protocol, frame, doing)
        if protocol != PROTOCOL:
            raise Garbage(
                f"the firmware speaks version {protocol} of the protocol, mcuforge {PROTOCOL}",
                self._exchange.where,
                "build and flash the firmware again with this mcuforge",
            )
        hello = self._read(read_hello, frame, doing)
        self._exchange.where = f"board {hello.board} on port {self._exchange.port.name}"
        if model_hash is not None and hello.model_hash != model_hash:
            raise WrongModel(
                f"the firmware holds '{hello.model}' with SHA-256 {hello.model_hash.hex()}, "
                f"wanted {model_hash.hex()}",
                self._exchange.where,
                "flash the firmware of this model: `mcuforge deploy` does it",
            )
        if hello.model_status != 0:
            raise ModelFailed(
                f"the model refused its arena of {hello.arena_bytes} B "
                f"(status {hello.model_status})",
                self._exchange.where,
                "build and flash again; if it stays, report it with the model",
            )
        self._exchange.in_session = True
        self._inputs = self._tensors(0, hello.input_count)
        self._outputs = self._tensors(1, hello.output_count)
        self._hello = hello
        return hello

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The model's inputs, known after hello()."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The model's outputs, known after hello()."""
        return self._outputs

    @property
    def tick_hz(self) -> int:
        """What the board's clock counts per second, known after hello()."""
        return self._opened().tick_hz

    def write_input(self, index: int, data: bytes) -> None:
        """Fill input `index` (row-major, little-endian); InternalError for a wrong size."""
        tensor = self._tensor(self._inputs, "input", index)
        if len(data) != tensor.bytes:
            raise InternalError(f"input {index} takes {tensor.bytes} B, not {len(data)} B")
        step = self._opened().data_bytes
        self._exchange.ask_all(
            [
                Request(Kind.WRITE, struct.pack("<II", index, at) + data[at : at + step])
                for at in range(0, len(data), step)
            ],
            f"writing input {index}",
        )

    def run(self, begin: int = 0, end: int | None = None, *, timeout_s: float | None = None) -> int:
        """Run layers [begin, end) (all of them by default); ticks at Hello.tick_hz it took.

        `timeout_s` bounds this run (default: the link's run_timeout_s). ModelFailed when the
        model says so.
        """
        last = self._opened().layers if end is None else end
        doing = f"running layers {begin} to {last}"
        request = Request(Kind.RUN, struct.pack("<II", begin, last))
        limit_s = self._run_timeout_s if timeout_s is None else timeout_s
        frame = self._exchange.ask(request, doing, limit_s)
        ticks, status = self._read(read_run, frame, doing)
        if frame.status == Status.MODEL:
            raise ModelFailed(
                f"the model failed on the board (status {status})",
                f"{self._exchange.where}, while {doing}",
                "build and flash again; if it stays, report it with the model",
            )
        return ticks

    def profile(self, *, timeout_s: float | None = None) -> tuple[int, ...]:
        """One inference run layer by layer: ticks of each, the call of the layer included."""
        layers = self._opened().layers
        return tuple(self.run(i, i + 1, timeout_s=timeout_s) for i in range(layers))

    def read_output(self, index: int) -> bytes:
        """Output `index` as it stands after the last run."""
        tensor = self._tensor(self._outputs, "output", index)
        return self._read_bytes(Space.OUTPUT, index, 0, tensor.bytes, f"reading output {index}")

    def read_input(self, index: int) -> bytes:
        """Input `index` as it stands now: a run may have overwritten it."""
        tensor = self._tensor(self._inputs, "input", index)
        return self._read_bytes(Space.INPUT, index, 0, tensor.bytes, f"reading input {index}")

    def read_arena(self, offset: int, size: int) -> bytes:
        """`size` bytes of the arena from `offset`: an intermediate tensor between two runs."""
        return self._read_bytes(Space.ARENA, 0, offset, size, "reading the arena")

    def counters(self) -> Counters:
        """Ticks, stack and canaries of the last run, and what the line has cost."""
        doing = "reading its counters"
        return self._read(read_counters, self._exchange.ask(Request(Kind.COUNTERS), doing), doing)

    def _tensors(self, direction: int, count: int) -> tuple[TensorInfo, ...]:
        doing = "asking for its tensors"
        frames = self._exchange.ask_all(
            [Request(Kind.TENSOR, struct.pack("<II", direction, i)) for i in range(count)], doing
        )
        return tuple(self._read(read_tensor, frame, doing) for frame in frames)

    def _read_bytes(self, space: Space, index: int, offset: int, size: int, doing: str) -> bytes:
        end = offset + size
        step = self._opened().data_bytes
        pieces = [(at, min(step, end - at)) for at in range(offset, end, step)]
        frames = self._exchange.ask_all(
            [Request(Kind.READ, struct.pack("<IIII", space, index, *piece)) for piece in pieces],
            doing,
        )
        for frame, (_, wanted) in zip(frames, pieces, strict=True):
            self._read(partial(read_data, wanted), frame, doing)
        return b"".join(frame.body for frame in frames)

    def _read(self, reader: Callable[[bytes], T], frame: Frame, doing: str) -> T:
        """Read an answer's body; a Malformed one is another version's, whatever it claims."""
        try:
            return reader(frame.body)
        except Malformed as error:
            raise Garbage(
                f"an answer of the board does not read ({error})",
                f"{self._exchange.where}, while {doing}",
                "build and flash the firmware again with this mcuforge",
            ) from error

    def _opened(self) -> Hello:
        if self._hello is None:
            raise InternalError("the link is used before hello()")
        return self._hello

    def _tensor(self, tensors: tuple[TensorInfo, ...], what: str, index: int) -> TensorInfo:
        self._opened()
        if not 0 <= index < len(tensors):
            raise InternalError(f"{what} {index} of a model with {len(tensors)}")
        return tensors[index]
