# SPDX-License-Identifier: Apache-2.0
"""A RISC-V hart in machine mode around its instructions: CSRs, traps, `mret`, `wfi`.

Written from The RISC-V Instruction Set Manual, volume II (privileged architecture): chapter 2 CSRs,
3.1 machine-level CSRs, 3.3 privileged instructions. Unicorn runs everything else: a hook stands in
front of each privileged instruction of the flash, computes its effect here, and skips it. One
instruction takes one cycle of virtual time.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcuforge.boards.virtual.core import CountedCore
from mcuforge.boards.virtual.engine import Engine, Region, Stopped
from mcuforge.boards.virtual.failure import Rule, StrictFailure, Violation

PRIVILEGED = "The RISC-V Instruction Set Manual, volume II"
SYSTEM = 0x73  # opcode
MRET, WFI = 0x30200073, 0x10500073
INTERRUPT = 1 << 31  # of mcause
ILLEGAL, LOAD_FAULT, STORE_FAULT = 2, 5, 7  # values of mcause
EXCEPTIONS = (ILLEGAL, 3, 11)  # that Unicorn reports by number: illegal, ebreak, ecall
MIE, MPIE, MPP = 1 << 3, 1 << 7, 3 << 11  # bits of mstatus
WORD = 0xFFFFFFFF
JUNK = 0xDEADBEE0  # in registers after reset: the program must not rely on them


@dataclass(frozen=True)
class Csr:
    """A control and status register. Bits that are not writable are reserved or read-only."""

    name: str
    number: int
    reset: int
    writable: int


@dataclass(frozen=True)
class Hart:
    """What differs between cores.

    trap_alignment: of mtvec's base; trap_modes: allowed values of the bits below it. guard: memory
    below the stack (origin, bytes) whose access faults reach the program's own report.
    """

    name: str
    manual: str
    csrs: tuple[Csr, ...]
    trap_alignment: int
    trap_modes: tuple[int, ...]
    guard: tuple[int, int]


# registers that every hart here has: number and writable bits are those of the manual
COMMON = (
    Csr("mstatus", 0x300, 0x1800, MIE | MPIE | MPP),
    Csr("mtvec", 0x305, 0, WORD),
    Csr("mscratch", 0x340, 0, WORD),
    Csr("mepc", 0x341, 0, WORD & ~1),
    Csr("mcause", 0x342, 0, WORD),
    Csr("mtval", 0x343, 0, WORD),
    Csr("mcycle", 0xB00, 0, WORD),
    Csr("mcycleh", 0xB80, 0, WORD),
    Csr("minstret", 0xB02, 0, WORD),
    Csr("minstreth", 0xB82, 0, WORD),
    Csr("mhartid", 0xF14, 0, 0),
)
COUNTERS = {"mcycle": 0, "minstret": 0, "mcycleh": 32, "minstreth": 32}


class HartCore(CountedCore):
    """A hart that stops at the first broken rule.

    `asked` tells mcause of the interrupt that a controller wants to be taken, if mstatus allows it.
    """

    def __init__(
        self,
        hart: Hart,
        engine: Engine,
        start: int,
        places: Callable[[int], str],
        bus_read: Callable[[int, int], int],
        bus_write: Callable[[int, int, int], None],
    ) -> None:
        """Reset: the first instruction is at `start`; `places` names the source of an address."""
        self.hart = hart
        super().__init__(engine)
        self.asked: Callable[[], int | None] = lambda: None
        self.on_trap: Callable[[int], None] = lambda cause: None
        self.on_return: Callable[[], None] = lambda: None
        self.values = {csr.name: csr.reset for csr in hart.csrs}
        self._csrs = {csr.number: csr for csr in hart.csrs}
        self._places = places
        self._bus = (bus_read, bus_write)
        self._counted = dict.fromkeys(COUNTERS.values(), 0)
        self._since = {"mcycle": 0, "minstret": 0}  # value minus count
        self._sleeps = False
        self._pc = start
        engine.on_read, engine.on_write = self._read, self._write
        engine.set_all({f"x{n}": JUNK + n for n in range(1, 32)})
        flash = next(region for region in engine.regions if region.code)
        engine.watch_places(privileged_places(engine, flash), self._privileged)

    def run(self, until: int) -> None:
        """Run until the count is `until`, or somebody calls attend(). StrictFailure at a fault."""
        engine = self.engine
        engine.counter.attention = 0
        before = self.count
        try:
            if not self._wakes():
                return
            self._pc = engine.run(self._pc, max(until, before + 1))
        except Stopped as stopped:
            self._fault(stopped)
        except Violation as violation:
            raise self._failed(violation, engine.failed_pc) from violation
        self.waits = self._sleeps and self.asked() is None

    def _wakes(self) -> bool:
        """Enter the interrupt that is asked for; false: the hart sleeps on in `wfi`."""
        self.engine.failed_pc = self._pc
        cause = self.asked()
        self.waits = self._sleeps and cause is None
        if self.waits:
            return False
        self._sleeps = False
        if cause is not None and self.values["mstatus"] & MIE:
            self._trap(cause, self._pc, 0)
        return True

    # traps: volume II, 3.1.6 to 3.1.15

    def _trap(self, cause: int, pc: int, value: int) -> None:
        """Enter the trap handler: an interrupt, or an exception of the instruction at `pc`."""
        vector = self.values["mtvec"]
        base = vector & ~(self.hart.trap_alignment - 1)
        mode = vector & 3
        target = base + 4 * (cause & 0xFFF) if mode == 1 and cause & INTERRUPT else base
        region = self.engine.holds(target, 2)
        if region is None or not region.code:
            raise self._failed(
                Violation(
                    Rule.VECTOR,
                    f"a trap with mcause {cause:#010x} is taken, and mtvec is {vector:#010x}: "
                    "no code is there",
                    f"{PRIVILEGED}, 'Machine Trap-Vector Base-Address Register (mtvec)'",
                ),
                pc,
            )
        status = self.values["mstatus"]
        enabled = MPIE if status & MIE else 0
        self.values["mstatus"] = (status & ~(MIE | MPIE)) | enabled | MPP
        self.values |= {"mepc": pc, "mcause": cause, "mtval": value}
        self.on_trap(cause)
        self._pc = target

    def _fault(self, stopped: Stopped) -> None:
        """Raise the StrictFailure of a fault, or enter the handler where the program reports it."""
        pc, address = self.engine.get("pc"), stopped.address
        if stopped.kind == "misaligned":
            what = f"{self.engine.counter.misaligned} bytes at {address:#010x} are read or written"
            manual = f"{self.hart.manual}: the core traps at addresses that are not aligned"
            raise self._failed(Violation(Rule.MISALIGNED, what, manual), self.engine.failed_pc)
        if stopped.kind == "fetch":
            what = f"the program jumps to {address:#010x}, where no code is"
            manual = f"{self.hart.manual}, and the chip's memory map"
            raise self._failed(Violation(Rule.EXECUTE, what, manual), pc)
        if stopped.kind in ("unmapped", "protected"):
            origin, size = self.hart.guard
            if origin <= address < origin + size:
                self._trap(STORE_FAULT if stopped.writing else LOAD_FAULT, pc, address)
                return
            flash = stopped.kind == "protected"
            what = (
                f"the program {'writes to' if stopped.writing else 'reads'} {address:#010x}, "
                + ("which is flash" if flash else "where no memory and no register is")
            )
            rule = Rule.FLASH_WRITE if flash else Rule.UNMAPPED
            raise self._failed(
                Violation(rule, what, f"{self.hart.manual}, and the chip's memory map"), pc
            )
        kind, _, number = stopped.kind.partition(" ")
        if kind == "number" and int(number) in EXCEPTIONS:
            self._trap(int(number), pc - 4, 0)  # Unicorn has gone on already
            return
        if kind == "undefined":
            self._trap(ILLEGAL, pc, 0)
            return
        what = f"the processor stopped ({stopped.kind}), which the model does not know"
        raise self._failed(Violation(Rule.VECTOR, what, f"{PRIVILEGED}, chapter 3"), pc)

    def _failed(self, violation: Violation, pc: int) -> StrictFailure:
        return StrictFailure(violation, pc, self._places(pc))

    # privileged instructions

    def _privileged(self, address: int) -> None:
        """Do what the instruction at an address does, and set the PC behind it."""
        (word,) = struct.unpack("<I", self.engine.load(address, 4))
        if word == MRET:
            self._return()
            return
        if word == WFI:
            self._sleeps = True
            if self.asked() is not None:
                self.skip_turns(address)  # an interrupt that may not be taken ends each `wfi`
            self.attend()
        else:
            self._access_csr(word)
        self.engine.set("pc", address + 4)

    def _return(self) -> None:
        """Return from a trap (volume II, 3.3.2)."""
        status = self.values["mstatus"]
        if status & MPP != MPP:
            raise Violation(
                Rule.UNPRIVILEGED,
                "mret goes to user mode, which the model does not have",
                f"{PRIVILEGED}, 'Trap-Return Instructions'",
            )
        enabled = MIE if status & MPIE else 0
        self.values["mstatus"] = (status & ~MIE) | enabled | MPIE
        self.on_return()
        self.attend()
        self.engine.set("pc", self.values["mepc"])

    def _access_csr(self, word: int) -> None:
        """csrrw, csrrs, csrrc and their immediate forms (volume I, 'Zicsr')."""
        function, first = word >> 12 & 7, word >> 15 & 31
        csr = self._csrs.get(word >> 20)
        if csr is None:
            raise Violation(
                Rule.CSR,
                f"the instruction {word:08x} uses register {word >> 20:#05x}, which "
                f"{self.hart.name} does not have",
                self.hart.manual,
            )
        operand = first if function & 4 else 0 if first == 0 else self.engine.get(f"x{first}")
        into = word >> 7 & 31
        swaps = function & 3 == 1
        old = self._read_csr(csr) if into or not swaps else 0
        if swaps or first:
            self._write_csr(
                csr, operand if swaps else old | operand if function & 3 == 2 else old & ~operand
            )
        if into:
            self.engine.set(f"x{into}", old)

    def _read_csr(self, csr: Csr) -> int:
        if csr.name in COUNTERS:
            return self._read_counter(csr.name)
        return self.values[csr.name]

    def _read_counter(self, name: str) -> int:
        """Read half of a counter; mcountinhibit, where there is one, must let it count."""
        low = name.removesuffix("h")
        inhibited = self.values.get("mcountinhibit", 0) >> {"mcycle": 0, "minstret": 2}[low] & 1
        if inhibited:
            raise Violation(
                Rule.DWT_OFF,
                f"{name} is read while mcountinhibit stops it",
                f"{self.hart.manual}, 'mcountinhibit'",
            )
        return (self.count + self._since[low]) >> COUNTERS[name] & WORD

    def _write_csr(self, csr: Csr, value: int) -> None:
        """Write a register; Violation for reserved bits and what must not be written."""
        if csr.writable == 0:
            raise Violation(
                Rule.READ_ONLY, f"{value:#010x} is written to {csr.name}", self.hart.manual
            )
        if wrong := (value ^ self.values[csr.name]) & ~csr.writable & WORD:
            raise Violation(
                Rule.RESERVED,
                f"{value:#010x} is written to {csr.name}: bits {wrong:#010x} are reserved",
                self.hart.manual,
            )
        if csr.name == "mtvec":
            self._check_vector(value)
        if csr.name in COUNTERS:
            low, shift = csr.name.removesuffix("h"), COUNTERS[csr.name]
            now = self.count + self._since[low]
            self._since[low] += ((now & ~(WORD << shift)) | value << shift) - now
        self.values[csr.name] = value
        self.attend()

    def _check_vector(self, value: int) -> None:
        low = value & (self.hart.trap_alignment - 1)
        if low not in self.hart.trap_modes:
            raise Violation(
                Rule.VECTOR,
                f"{value:#010x} is written to mtvec: its low bits are {low:#x}, and "
                f"{self.hart.name} expects a base at a multiple of {self.hart.trap_alignment} and "
                f"one of the modes {', '.join(map(str, self.hart.trap_modes))}",
                f"{self.hart.manual}, 'mtvec'",
            )

    # registers of the chip

    def _read(self, address: int, size: int) -> int:
        return self._bus[0](address, size)

    def _write(self, address: int, size: int, value: int) -> None:
        self._bus[1](address, size, value)
        if self.asked() is not None:  # by the register that was written
            self.attend()


def privileged_places(engine: Engine, flash: Region) -> Iterable[int]:
    """List the addresses where the flash has, or seems to have, a privileged instruction.

    Data may look like one: it is never executed, so its hook does nothing.
    """
    code = engine.load(flash.origin, int(engine.counter.code_bytes))
    for at in range(0, len(code) - 3, 2):
        if code[at] & 0x7F != SYSTEM:
            continue
        (word,) = struct.unpack_from("<I", code, at)
        if word >> 12 & 3 or word in (MRET, WFI):
            yield flash.origin + at
            if flash.alias is not None:
                yield flash.alias + at
