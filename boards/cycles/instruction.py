# SPDX-License-Identifier: Apache-2.0
"""Thumb-2 instructions as objdump prints them: their kind, the registers they read and write.

Names are those of the Armv7-M Architecture Reference Manual (DDI 0403), chapter A7, in the unified
syntax of GNU objdump. Any other instruction is priced as plain arithmetic.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """The kinds of instructions that a core's timings tell apart."""

    ALU = auto()  # moves, logic, addition, comparison; their operand may be shifted
    SHIFT = auto()  # LSL, LSR, ASR, ROR as instructions of their own
    SIMD = auto()  # extension, saturation, bit fields, byte reversal, parallel addition
    MULTIPLY = auto()  # with or without accumulation, SMLAD and its kin included
    DIVIDE = auto()
    LOAD = auto()
    STORE = auto()
    LOAD_MANY = auto()  # LDRD, LDM, POP
    STORE_MANY = auto()  # STRD, STM, PUSH
    BRANCH = auto()
    FLOAT = auto()
    IT = auto()
    NOP = auto()


@dataclass(frozen=True)
class Instruction:
    """One instruction at `address`; registers by name, the condition flags as "flags"."""

    address: int
    bytes: int
    name: str  # without condition, width and the S of "sets flags"
    kind: Kind
    reads: frozenset[str]
    writes: frozenset[str]
    address_reads: frozenset[str]  # the part of `reads` that forms the address of a load or store
    moved: frozenset[str]  # the part of `writes` that holds the address, which moves on
    accumulator: str | None  # of a multiply-accumulate: read one cycle later than the factors
    transfers: int  # registers loaded or stored
    shifted: str | None  # the operand that passes the shifter on the way to plain arithmetic
    indexed: bool  # a load's or store's address is the sum of two registers
    jumps: bool  # writes the program counter: the next instruction may be another
    direct: bool  # ... to a target that is part of the instruction


_CONDITIONS = (
    *("eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl"),
    *("vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"),
)
_CONDITION = "|".join(_CONDITIONS)
_BRANCHES = ("b", "bl", "bx", "blx", "cbz", "cbnz", "tbb", "tbh")
_DIRECT = re.compile(rf"(?:bl?(?:{_CONDITION})?|cbn?z)$")
_INDIRECT = re.compile(rf"(?:blx?|bx)(?:{_CONDITION})?$|tb[bh]$")
_IT = re.compile(r"it[te]{0,3}$")
_MANY = re.compile(r"(?:v?ldm|v?stm|push|pop|vpush|vpop|ldrd|strd)")
_MULTIPLY = re.compile(
    r"(?:mul|ml[as]|[su]mull|[su]mlal|umaal|smul|smla|smls|smmul|smml[as]|smu[as]d)"
)
_SIMD = re.compile(
    r"(?:[su]xt|[su]sat|pkh|sel|rev|rbit|clz|[su]bfx|bf[ci]|usad|"
    r"(?:q|uq|s|sh|u|uh)(?:d?add|d?sub|asx|sax)(?:8|16)?)"
)
_SHIFT = ("lsl", "lsr", "asr", "ror", "rrx")
_COMPARE = ("cmp", "cmn", "tst", "teq")
_NO_FIRST_READ = ("mov", "movw", "mvn", "neg", "adr", *_SHIFT)
_PLAIN = (
    *("adc", "add", "and", "bic", "eor", "mov", "movt", "movw", "mvn", "neg", "orn", "orr"),
    *("rsb", "sbc", "sub", "adr", "addw", "subw", *_COMPARE, *_SHIFT),
)
_REGISTER = re.compile(r"\b(?:r\d+|sp|lr|pc|ip|fp|sl|sb|s\d+|d\d+)\b")
_COMMENT = re.compile(r"\s*[@;].*$")
_SHIFTED = re.compile(r"(\w+),\s*(?:(?:lsl|lsr|asr|ror) #|rrx)")
_ALIASES = {"ip": "r12", "fp": "r11", "sl": "r10", "sb": "r9"}


def decode(address: int, size: int, mnemonic: str, operands: str) -> Instruction:
    """Read an instruction from objdump's two columns; text after `@`, `;` or `<` is a comment."""
    base, _, _ = mnemonic.partition(".")
    text = _COMMENT.sub("", operands).partition("<")[0]
    name, conditional, sets_flags = _split(base)
    kind = _kind(name)
    parts = _operands(text)
    if kind in (Kind.LOAD, Kind.STORE, Kind.LOAD_MANY, Kind.STORE_MANY):
        reads, writes, address_reads, moved = _memory_registers(kind, parts)
    else:
        reads, writes = _registers(name, kind, parts)
        address_reads, moved = set(), set()
    jumps = kind is Kind.BRANCH or "pc" in writes
    if conditional or name in ("adc", "sbc", "sel"):
        reads |= {"flags"}
    if sets_flags or name in _COMPARE:
        writes |= {"flags"}
    return Instruction(
        address=address,
        bytes=size,
        name=name,
        kind=kind,
        reads=frozenset(reads),
        writes=frozenset(writes - {"pc"}),
        address_reads=frozenset(address_reads),
        moved=frozenset(moved),
        accumulator=_accumulator(name, kind, parts),
        transfers=_transfers(name, kind, parts),
        shifted=_shifted(kind, text),
        indexed=kind in (Kind.LOAD, Kind.STORE) and len(address_reads) > 1,
        jumps=jumps,
        direct=_DIRECT.match(base) is not None,
    )


def _split(base: str) -> tuple[str, bool, bool]:
    """Split a mnemonic without width into (name, is it conditional, does it set the flags)."""
    if _IT.match(base):
        return "it", False, False
    if _DIRECT.match(base) or _INDIRECT.match(base):
        plain = base in _BRANCHES
        return (base if plain else base[:-2]), not plain, False
    if base in _PLAIN:
        return base, False, False
    if base[:-1] in _PLAIN and base.endswith("s"):
        return base[:-1], False, True
    if base[-2:] in _CONDITIONS:
        stem = base[:-2]
        if stem.removesuffix("s") in _PLAIN:
            return (stem, True, False) if stem in _PLAIN else (stem[:-1], True, True)
        if _kind(stem) is not Kind.ALU:
            return stem, True, False
    return ("mul", False, True) if base == "muls" else (base, False, False)


def _kind(name: str) -> Kind:
    if name == "it":
        return Kind.IT
    if name in _BRANCHES:
        return Kind.BRANCH
    if name.startswith("nop"):
        return Kind.NOP
    if _MANY.match(name):
        stores = name.startswith(("st", "vst", "push", "vpush"))
        return Kind.STORE_MANY if stores else Kind.LOAD_MANY
    if name.startswith(("ldr", "vldr")):
        return Kind.LOAD
    if name.startswith(("str", "vstr")):
        return Kind.STORE
    if name.startswith("v"):
        return Kind.FLOAT
    if name in ("sdiv", "udiv"):
        return Kind.DIVIDE
    if _MULTIPLY.match(name):
        return Kind.MULTIPLY
    if name in _SHIFT:
        return Kind.SHIFT
    if name not in _PLAIN and _SIMD.match(name):
        return Kind.SIMD
    return Kind.ALU


def _operands(text: str) -> list[str]:
    """List the operands; a comma in brackets or braces does not separate."""
    parts, depth, last = [], 0, ""
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append(last.strip())
            last = ""
        else:
            last += letter
    return [part for part in (*parts, last.strip()) if part]


def _names(text: str) -> set[str]:
    """List the registers that a text names, with ranges written out."""
    opened = re.sub(
        r"\b([rsd])(\d+)-[rsd](\d+)\b",
        lambda m: ",".join(f"{m[1]}{n}" for n in range(int(m[2]), int(m[3]) + 1)),
        text,
    )
    return {_ALIASES.get(name, name) for name in _REGISTER.findall(opened)}


def _registers(name: str, kind: Kind, parts: list[str]) -> tuple[set[str], set[str]]:
    """List the registers that an instruction other than load or store (reads, writes)."""
    if not parts or kind in (Kind.IT, Kind.NOP):
        return set(), set()
    if kind is Kind.BRANCH:  # a direct one names no register
        return _names(" ".join(parts)), {"lr"} if name in ("bl", "blx") else set()
    wide = re.match(r"[su]mull|[su]mlal|umaal|smlsld", name) is not None
    count = 2 if wide else 0 if name in _COMPARE or name == "vcmp" else 1
    writes = set().union(*(_names(part) for part in parts[:count]))
    reads = set().union(*(_names(part) for part in parts[count:]))
    accumulates = wide and not name.endswith("mull")
    two_operands = len(parts) == 2 and kind in (Kind.ALU, Kind.SIMD, Kind.SHIFT, Kind.MULTIPLY)
    unary = name in _NO_FIRST_READ or kind is Kind.SIMD
    if accumulates or name in ("movt", "bfi", "bfc") or (two_operands and not unary):
        reads |= writes
    return reads, writes


def _memory_registers(
    kind: Kind, parts: list[str]
) -> tuple[set[str], set[str], set[str], set[str]]:
    """List the registers (read, written, read for the address, written to move the address)."""
    stores = kind in (Kind.STORE, Kind.STORE_MANY)
    if "{" in parts[-1]:  # ldm r0!, {..}; push {..}
        data = _names(parts[-1])
        base = _names(parts[0]) if len(parts) > 1 else {"sp"}
        moved = base if len(parts) == 1 or parts[0].endswith("!") else set()
    else:
        place = next((i for i, part in enumerate(parts) if part.startswith("[")), len(parts))
        data = set().union(*(_names(part) for part in parts[:place]))
        base = set().union(*(_names(part) for part in parts[place:]))
        after = place < len(parts) - 1 or (place < len(parts) and parts[place].endswith("!"))
        moved = _names(parts[place].partition(",")[0]) if after else set()
    base.discard("pc")
    if stores:
        return base | data, moved, base, moved
    return base, data | moved, base, moved


def _transfers(name: str, kind: Kind, parts: list[str]) -> int:
    if kind in (Kind.LOAD, Kind.STORE):
        return 1
    if kind not in (Kind.LOAD_MANY, Kind.STORE_MANY):
        return 0
    if not parts or "{" not in parts[-1]:
        return 2
    names = _names(parts[-1])
    return sum(2 if one.startswith("d") else 1 for one in names)


def _shifted(kind: Kind, text: str) -> str | None:
    found = _SHIFTED.search(text) if kind is Kind.ALU else None
    return _ALIASES.get(found[1], found[1]) if found else None


def _accumulator(name: str, kind: Kind, parts: list[str]) -> str | None:
    if kind is not Kind.MULTIPLY:
        return None
    if len(parts) == 4 and not re.match(r"[su]mull|[su]mlal|umaal|smlsld", name):
        return next(iter(_names(parts[3])), None)
    return None
