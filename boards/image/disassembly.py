# SPDX-License-Identifier: Apache-2.0
"""The stack of routines without compiler information, read from the linked image.

libgcc and libc come without call-graph files, so their frames are read from the instructions that
lower the stack pointer. The figure is an upper bound: it adds up every such instruction of the
routine, even if two of them lie on branches that exclude each other.
"""

import re
import subprocess
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mcuforge.boards.image.elf import Elf, read_elf
from mcuforge.errors import InternalError

OBJDUMP_SECONDS = 120.0

_LABEL = re.compile(r"^([0-9a-f]+) <(.+)>:$")
_CODE = re.compile(r"^\s*([0-9a-f]+):\t(\S+)(?:\t(.*))?$")
_TARGET = re.compile(r"(?:^|,|#)\s*([0-9a-f]+) <")  # the last operand, or where auipc+jalr goes
_THUMB_COMMENT = re.compile(r"\s*[@;].*$")
_RISCV_COMMENT = re.compile(r"\s*#.*$")
_SAVE = re.compile(r"<__riscv_save_(\d+)>")
_PADDING = ("nop", "nop.n", "nop.w", "c.nop", "unimp", "c.unimp")
_THUMB_BRANCH = re.compile(r"b(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)|cbn?z")
_RISCV_BRANCH = re.compile(r"b(eq|ne|lt|ge|gt|le)(u|z)?")


@dataclass(frozen=True)
class Routine:
    """One stretch of code from a label to the next."""

    name: str
    frame_bytes: int
    calls: frozenset[int]  # addresses
    jumps: frozenset[int]  # addresses outside it where it continues, perhaps without its frame
    opaque: tuple[str, ...]  # instructions whose target or stack use cannot be read


@dataclass(frozen=True)
class Image:
    """Every routine of an image by address, and the address of every function name."""

    routines: dict[int, Routine]
    starts: tuple[int, ...]
    addresses: dict[str, int]

    def at(self, address: int) -> int | None:
        """Find the start of the routine at `address`; None below the first (a null function)."""
        index = bisect_right(self.starts, address)
        return self.starts[index - 1] if index else None


@dataclass
class _Body:
    name: str
    start: int
    frame: int = 0
    calls: set[int] = field(default_factory=set)
    targets: set[int] = field(default_factory=set)
    opaque: list[str] = field(default_factory=list)
    depth: int = 0  # in text order: above 0 while the frame exists
    popped: str = ""  # registers of the last pop
    falls: bool = True  # runs on into the next label

    def grow(self, size: int) -> None:
        self.frame += size
        self.depth += size

    def shrink(self, size: int) -> None:
        self.depth = max(0, self.depth - size)


def read_image(elf: Path, objdump: Path) -> Image:
    """Disassemble `elf` (Thumb or RV32) with the toolchain's `objdump`."""
    return parse_listing(disassemble(elf, objdump, "--no-show-raw-insn"), read_elf(elf))


def disassemble(elf: Path, objdump: Path, *options: str) -> str:
    """Return what `objdump -d` prints of `elf`; InternalError when it fails."""
    answer = subprocess.run(
        [str(objdump), "-d", *options, str(elf)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=OBJDUMP_SECONDS,
        check=False,
    )
    if answer.returncode != 0:
        raise InternalError(f"{objdump.name} on {elf}: {answer.stderr.strip()}")
    return answer.stdout


def parse_listing(listing: str, elf: Elf) -> Image:
    """Parse objdump's text and the symbols of `elf` for read_image."""
    step = _thumb if elf.thumb else _riscv
    bodies: list[_Body] = []
    for line in listing.splitlines():
        if label := _LABEL.match(line):
            bodies.append(_Body(label[2], int(label[1], 16)))
            continue
        code = _CODE.match(line)
        # data in the text has a directive as its mnemonic; padding after a return never runs
        if code and bodies and not code[2].startswith(".") and code[2] not in _PADDING:
            bodies[-1].falls = True
            step(bodies[-1], code[2], (code[3] or "").strip())
    starts = tuple(body.start for body in bodies)
    known = frozenset(starts)
    addresses = {s.name: s.address for s in elf.symbols if s.address in known}
    image = Image({}, starts, addresses)
    for index, body in enumerate(bodies):
        jumps = _routines(image, body.targets) - {body.start}
        if body.falls and index + 1 < len(bodies):
            jumps |= {bodies[index + 1].start}
        inner = {target for target in body.calls if image.at(target) == body.start != target}
        calls = _routines(image, body.calls - inner)  # inner: subroutines of hand-written code
        routine = Routine(body.name, body.frame, calls, jumps, tuple(body.opaque))
        image.routines[body.start] = routine
    return image


def _routines(image: Image, targets: set[int]) -> frozenset[int]:
    return frozenset(start for start in map(image.at, targets) if start is not None)


def _target(operands: str) -> int | None:
    found = _TARGET.search(operands)
    return int(found[1], 16) if found else None


def _registers(operands: str) -> Sequence[str]:
    """List the registers of a list such as `sp!, {r4-r7, lr}`, with ranges written out."""
    inside = operands[operands.find("{") + 1 : operands.find("}")]
    names: list[str] = []
    for part in inside.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if dash:
            kind = first[0]
            names += [f"{kind}{n}" for n in range(int(first[1:]), int(last[1:]) + 1)]
        else:
            names.append(part)
    return names


def _list_bytes(operands: str) -> int:
    return sum(8 if name.startswith("d") else 4 for name in _registers(operands))


def _thumb(body: _Body, mnemonic: str, operands: str) -> None:
    """Account for one Thumb instruction (UAL syntax of GNU objdump)."""
    op = mnemonic.split(".")[0]
    text = _THUMB_COMMENT.sub("", operands)
    writes_sp = re.match(r"sp\b", text) is not None
    if op.startswith(("push", "vpush")) or (op in ("stmdb", "vstmdb") and text.startswith("sp!")):
        body.grow(_list_bytes(text))
    elif op in ("pop", "vpop") or (op in ("ldmia", "vldmia") and text.startswith("sp!")):
        body.shrink(_list_bytes(text))
        body.popped = text
        body.falls = "pc" not in text
    elif store := re.search(r"\[sp, #-(\d+)\]!", text):
        body.grow(int(store[1]))
    elif op.startswith(("sub", "add")) and writes_sp:
        move = body.grow if op.startswith("sub") else body.shrink
        amount = re.fullmatch(r"sp, (?:sp, )?#(\d+)", text)
        move(int(amount[1])) if amount else body.opaque.append(f"{mnemonic} {text}")
    elif re.fullmatch(r"bl(x|[a-z]{2})?", op) and _target(operands) is not None:
        _record(body, body.calls, operands, mnemonic)
    elif op == "blx":
        body.opaque.append(f"{mnemonic} {text}")
    elif op == "b":
        _record(body, body.targets, operands, mnemonic)
        body.falls = False
    elif _THUMB_BRANCH.fullmatch(op):
        _record(body, body.targets, operands, mnemonic)
    elif op.startswith("bx"):
        # Thumb-1 returns through a register that was just popped
        if text != "lr" and text not in _registers(body.popped):
            body.opaque.append(f"{mnemonic} {text}")
        body.falls = op != "bx"  # bxeq is conditional
    elif op in ("tbb", "tbh") or (op == "mov" and text.startswith("pc,")):
        body.falls = False  # a switch of the same routine; tail calls are written bx
    elif op == "ldr" and text.startswith("pc,"):
        if "[sp]" not in text and "lsl" not in text:
            body.opaque.append(f"{mnemonic} {text}")
        body.falls = False
    elif op == "udf":
        body.falls = False


def _riscv(body: _Body, mnemonic: str, operands: str) -> None:
    """Account for one RV32 instruction (GNU objdump with aliases)."""
    op = mnemonic.removeprefix("c.")
    text = _RISCV_COMMENT.sub("", operands)
    if op in ("add", "addi", "addi16sp") and text.startswith("sp,"):
        amount = re.fullmatch(r"sp,(?:sp,)?(-?\d+)", text)
        if amount is None:
            body.opaque.append(f"{mnemonic} {text}")
        elif int(amount[1]) < 0:
            body.grow(-int(amount[1]))
        else:
            body.shrink(int(amount[1]))
    elif op == "sub" and text.startswith("sp,"):
        # __riscv_save_4 to 12 return here the bytes that they took too many
        if not body.name.startswith("__riscv_save_"):
            body.opaque.append(f"{mnemonic} {text}")
    elif op == "jal" and (save := _SAVE.search(operands)):
        # the frame it makes is the caller's: 16 bytes for ra and s0-s2, else 64 at its peak
        body.grow(16 if int(save[1]) <= 3 else 64)
    elif op in ("jal", "call") or (op == "jalr" and _target(operands) is not None):
        _record(body, body.calls, operands, mnemonic)
    elif op == "jalr":
        body.opaque.append(f"{mnemonic} {text}")
    elif op in ("j", "tail"):
        _record(body, body.targets, operands, mnemonic)
        body.falls = False
    elif op == "jr":
        # a switch keeps its frame, a tail call has already released it
        if text not in ("ra", "t0") and body.depth == 0:
            body.opaque.append(f"{mnemonic} {text}")
        body.falls = False
    elif op in ("ret", "mret", "ebreak"):
        body.falls = False
    elif _RISCV_BRANCH.fullmatch(op):
        _record(body, body.targets, operands, mnemonic)


def _record(body: _Body, into: set[int], operands: str, mnemonic: str) -> None:
    target = _target(operands)
    if target is None:
        body.opaque.append(f"{mnemonic} {operands}")
    else:
        into.add(target)
