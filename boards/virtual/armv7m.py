# SPDX-License-Identifier: Apache-2.0
"""The Cortex-M around its instructions: exceptions, NVIC, MPU, SysTick, DWT, FPU access.

Written from the ARMv7-M Architecture Reference Manual (DDI 0403): B1.5 exceptions, B3.2 system
control, B3.3 SysTick, B3.4 NVIC, B3.5 MPU, C1.8 DWT; what ARMv6-M lacks, from its manual (DDI
0419). One instruction takes one cycle of virtual time. Only the main stack is modelled, and no
sleep beyond `wfi`.
"""

import struct
from collections.abc import Callable

from mcuforge.boards.virtual.armv6m import ARMV6M, SmallSystemControl
from mcuforge.boards.virtual.core import CountedCore
from mcuforge.boards.virtual.engine import Engine, Stopped
from mcuforge.boards.virtual.failure import Rule, StrictFailure, Violation
from mcuforge.boards.virtual.processors import Processor
from mcuforge.boards.virtual.system_control import SystemControl

ARM = "the ARMv7-M Architecture Reference Manual (DDI 0403)"
PPB = (0xE0000000, 0x100000)  # private peripheral bus: origin, bytes
HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SYSTICK = 3, 4, 5, 6, 15
FIRST_INTERRUPT = 16
BASIC_FRAME, EXTENDED_FRAME = 0x20, 0x68
RETURN_BASIC, RETURN_EXTENDED, RETURN_TO_THREAD = 0xFFFFFFF1, 0xFFFFFFE1, 0x8
FP_CONTEXT = 4  # CONTROL.FPCA
NOT_PRIVILEGED = 1  # CONTROL.nPRIV
MISALIGNED = "number 4"  # what Unicorn says of an access on a Cortex-M0; it never comes on others
LOOK_AGAIN = 2000  # cycles until a masked interrupt is tried again
STACKED = ("r0", "r1", "r2", "r3", "r12", "lr")
FP_STACKED = (*(f"s{n}" for n in range(16)), "fpscr")

UNDEFINED_INSTRUCTION = 1 << 16  # bits of CFSR
STACKING_FAILED = 1 << 4
DATA_VIOLATION = 1 << 1
ADDRESS_VALID = 1 << 7


class Core(CountedCore):
    """A Cortex-M0+, M4 or M7 that stops at the first broken rule.

    `places` names the source of an address. `bus_read` and `bus_write` are the chip's registers
    outside the core.
    """

    def __init__(
        self,
        engine: Engine,
        processor: Processor,
        vectors: int,
        interrupts: int,
        places: Callable[[int], str],
        bus_read: Callable[[int, int], int],
        bus_write: Callable[[int, int, int], None],
    ) -> None:
        """Reset: the stack pointer and the first instruction come from `vectors`."""
        super().__init__(engine)
        self._small = processor.armv6m
        registers = SmallSystemControl if self._small else SystemControl
        self.control = registers(processor, vectors, interrupts, lambda: engine.counter.count)
        self.lines: dict[int, Callable[[], bool]] = {}  # interrupt number -> whether it is asked
        self._places = places
        self._bus = (bus_read, bus_write)
        self._active: list[int] = []
        self._pending: set[int] = set()
        self._handled_at = -1
        engine.on_read, engine.on_write = self._read, self._write
        engine.on_return = self._leave
        stack, start = struct.unpack("<II", engine.load(vectors, 8))
        engine.set("sp", stack)
        if not start & 1:
            raise self._failed(
                Violation(Rule.VECTOR, f"the reset vector {start:#010x} is even", f"{ARM}, B1.5.3"),
                start,
            )
        self._pc = start
        self._end_watch: Callable[[], None] | None = None
        if not self._small:
            self._end_watch = engine.watch_instructions(self._before_fpu)

    def run(self, until: int) -> None:
        """Run until the count is `until`, or somebody calls attend(). StrictFailure at a fault."""
        engine = self.engine
        engine.counter.attention = 0
        if self._end_watch is not None and self.control.fpu_enabled:
            self._end_watch()
            self._end_watch = None
        limit = until
        if self._take_pending():
            limit = min(limit, self.count + LOOK_AGAIN)
        tick = self.control.systick_due()
        limit = limit if tick is None else min(limit, tick)
        before = self.count
        try:
            self._pc = engine.run(self._pc, max(limit, before + 1)) | 1
        except Stopped as stopped:
            self._fault(stopped)
            return
        except Violation as violation:
            raise self._failed(violation, engine.failed_pc) from violation
        asked = engine.counter.attention or self.count >= engine.counter.limit
        self.waits = not asked and not self._can_take()  # it stopped by itself: in `wfi`
        if self.waits and tick is not None:
            self.sleep_until(tick)

    # exceptions: DDI 0403, B1.5

    def _can_take(self) -> bool:
        """Tell whether an exception waits that may be entered now."""
        wanted = self._wanted()
        return bool(wanted) and self.control.priority(wanted[0]) < self._priority()

    def _wanted(self) -> list[int]:
        """List the exceptions that are pending and enabled, the most urgent first."""
        if self.control.systick_due_now():
            self._pending.add(SYSTICK)
        asked = set(self._pending)
        for number, line in self.lines.items():
            if self.control.is_enabled(number) and line():
                asked.add(FIRST_INTERRUPT + number)
        return sorted(asked, key=lambda e: (self.control.priority(e), e))

    def _take_pending(self) -> bool:
        """Enter the most urgent exception if it may; true while one waits."""
        wanted = self._wanted()
        if not wanted:
            return False
        if self.control.priority(wanted[0]) >= self._priority():
            return True
        self._pending.discard(wanted[0])
        self._enter(wanted[0], self._pc & ~1)
        return len(wanted) > 1

    def _priority(self) -> int:
        """The priority of what runs; a smaller number is more urgent."""
        running = min((self.control.priority(e) for e in self._active), default=256)
        return min(running, 0) if self.engine.get("primask") & 1 else running

    def _enter(self, exception: int, return_to: int) -> None:
        """Push the frame and continue at the vector."""
        engine = self.engine
        control, sp, flags, *stacked = engine.get_all(("control", "sp", "xpsr", *STACKED))
        extended = bool(control & FP_CONTEXT)
        new = (sp - (EXTENDED_FRAME if extended else BASIC_FRAME)) & ~7
        xpsr = (flags & ~(1 << 9)) | 1 << 24 | ((sp >> 2 & 1) << 9)
        words = [*stacked, return_to, xpsr]
        if extended:
            words += [*engine.get_all(FP_STACKED), 0]
            engine.set("control", control & ~FP_CONTEXT)
        frame = struct.pack(f"<{len(words)}I", *(word & 0xFFFFFFFF for word in words))
        region = engine.holds(new, len(frame))
        if region is None or region.code or self.control.mpu_forbids(new, writing=True):
            if self._small:
                raise self._locked_up(
                    f"the frame of exception {exception} at {new:#010x}", return_to
                )
            self.control.cfsr |= STACKING_FAILED  # taken all the same; the frame is lost
        else:
            engine.store(new, frame)
        code = (RETURN_EXTENDED if extended else RETURN_BASIC) | (
            0 if self._active else RETURN_TO_THREAD
        )
        engine.set_all({"sp": new, "lr": code, "xpsr": (xpsr & 0xF8000000) | 1 << 24 | exception})
        self._active.append(exception)
        self.control.active = exception
        self._jump(exception)

    def _jump(self, exception: int) -> None:
        where = self.control.vectors + 4 * exception
        known = self.engine.holds(where, 4) is not None
        (target,) = struct.unpack("<I", self.engine.load(where, 4) if known else bytes(4))
        region = self.engine.holds(target & ~1, 2)
        if not target & 1 or region is None or not region.code:
            raise self._failed(
                Violation(
                    Rule.VECTOR,
                    f"exception {exception} is taken, and its vector at {where:#010x} is "
                    f"{target:#010x}",
                    f"{ARM}, B1.5.3",
                ),
                target,
            )
        self.engine.set("pc", target)
        self._pc = target

    def _leave(self, code: int) -> None:
        """Return from the exception that runs, or go on with one that waits behind it."""
        engine = self.engine
        if not self._active or code & 0xF not in (1, 9):
            raise Violation(
                Rule.VECTOR,
                f"exception return {code:#010x} does not fit what runs: the model knows only the "
                "main stack",
                f"{ARM}, B1.5.8",
            )
        self._active.pop()
        self.control.active = self._active[-1] if self._active else 0
        extended = not code & 0x10
        sp = engine.get("sp")
        size = EXTENDED_FRAME if extended else BASIC_FRAME
        words = struct.unpack(f"<{size // 4}I", engine.load(sp, size))
        if extended:
            engine.set_all(dict(zip(FP_STACKED, words[8:], strict=False)))
            engine.set("control", engine.get("control") | FP_CONTEXT)
        back = dict(zip(STACKED, words, strict=False))
        back |= {"sp": sp + size + (words[7] >> 9 & 1) * 4, "xpsr": words[7] & ~(1 << 9)}
        engine.set_all(back | {"pc": words[6] | 1})
        self._pc = words[6] | 1
        wanted = self._wanted()
        if wanted and self.control.priority(wanted[0]) < self._priority():
            self._pending.discard(wanted[0])
            self._enter(wanted[0], words[6])

    def _fault(self, stopped: Stopped) -> None:
        """Raise the StrictFailure of a fault, or enter the handler that silicon would."""
        pc = self.engine.get("pc") & ~1
        address = stopped.address
        if stopped.kind == "lacking":
            raise self._larger_core(address) if self._small else self._double(address)
        if stopped.kind == MISALIGNED:
            what = "the address of a word or halfword is not a multiple of its size"
            raise self._failed(Violation(Rule.MISALIGNED, what, f"{ARMV6M}, A3.2"), pc)
        if stopped.kind == "undefined":
            if self._small and not self._is_undefined_everywhere(pc):
                raise self._larger_core(pc)
            self.control.cfsr |= UNDEFINED_INSTRUCTION
            self._enter_fault(USAGE_FAULT, pc)
            return
        if stopped.kind == "fetch":
            self._refuse_unused(address, pc, "jumps to")
            what = f"the program jumps to {address:#010x}, where no code is"
            raise self._failed(Violation(Rule.EXECUTE, what, f"{ARM}, B3.1"), pc)
        if stopped.kind in ("unmapped", "protected"):
            if self.control.mpu_forbids(address, writing=stopped.writing):
                self.control.cfsr |= DATA_VIOLATION | ADDRESS_VALID
                self.control.mmfar = address
                self._enter_fault(MEM_MANAGE, pc)
                return
            verb = "writes to" if stopped.writing else "reads"
            self._refuse_unused(address, pc, verb)
            flash = stopped.kind == "protected"
            rule = Rule.FLASH_WRITE if flash else Rule.UNMAPPED
            what = f"the program {verb} {address:#010x}, " + (
                "which is flash" if flash else "where no memory and no register is"
            )
            raise self._failed(Violation(rule, what, f"{ARM}, B3.1, and the chip's memory map"), pc)
        what = f"the processor stopped ({stopped.kind}), which the model does not know"
        raise self._failed(Violation(Rule.VECTOR, what, f"{ARM}, B1.5"), pc)

    def _enter_fault(self, exception: int, pc: int) -> None:
        if self._small and HARD_FAULT in self._active:
            raise self._locked_up("an instruction of the handler of HardFault", pc)
        enabled = self.control.fault_enabled(exception)
        urgent = enabled and self.control.priority(exception) < self._priority()
        self._enter(exception if urgent else HARD_FAULT, pc)

    def _locked_up(self, what: str, pc: int) -> StrictFailure:
        violation = Violation(
            Rule.LOCKUP,
            f"{what} faults: the core locks up, without a report, until it is reset. A frame that "
            "does not fit below the stack pointer means that the stack has overflowed",
            f"{ARMV6M}, B1.5.14",
        )
        return self._failed(violation, pc)

    def _is_undefined_everywhere(self, pc: int) -> bool:
        """Tell whether no Cortex-M has the instruction: DDI 0403, A5.2 and A5.3."""
        first, second = struct.unpack("<HH", self.engine.load(pc, 4))
        return first >> 8 in (0xDE, 0xEF, 0xFF) or (first >> 4, second >> 12) == (0xF7F, 0xA)

    def _larger_core(self, pc: int) -> StrictFailure:
        """Refuse an instruction that only a larger Cortex-M has."""
        first, second = struct.unpack("<HH", self.engine.load(pc, 4))
        words = f"{first:04x} {second:04x}" if first >= 0xE800 else f"{first:04x}"
        what = f"the instruction {words} is not one of ARMv6-M: is -mcpu=cortex-m0plus missing?"
        return self._failed(Violation(Rule.INSTRUCTION, what, f"{ARMV6M}, A5"), pc)

    def _double(self, pc: int) -> StrictFailure:
        """Refuse an instruction on doubles, which an FPU of single precision does not know."""
        first, second = struct.unpack("<HH", self.engine.load(pc, 4))
        return self._failed(
            Violation(
                Rule.DOUBLE,
                f"the instruction {first:04x} {second:04x} computes with doubles, which the FPU of "
                "this chip does not have",
                f"{ARM}, A2.5",
            ),
            pc,
        )

    def _refuse_unused(self, address: int, pc: int, verb: str) -> None:
        """Refuse memory of the chip that the image has no business in, as a null pointer does."""
        for region in self.engine.unused:
            if region.holds(address):
                what = f"the program {verb} {address:#010x}, in '{region.name}'"
                raise self._failed(
                    Violation(Rule.UNUSED, what, f"{ARM}, B3.1, and the chip's memory map"), pc
                )

    def _before_fpu(self, address: int) -> None:
        """Refuse coprocessors 10 and 11 until CPACR enables them (DDI 0403, B3.2.20)."""
        if self.control.fpu_enabled:
            return
        first, second = struct.unpack("<HH", self.engine.load(address, 4))
        if first >> 8 in (0xEC, 0xED, 0xEE, 0xFE) and second >> 8 & 0xF in (10, 11):
            raise Violation(
                Rule.FPU_OFF,
                f"the instruction {first:04x} {second:04x} uses the FPU",
                f"{ARM}, B3.2.20",
            )

    def _failed(self, violation: Violation, pc: int) -> StrictFailure:
        return StrictFailure(violation, pc & ~1, self._places(pc & ~1))

    # registers

    def _read(self, address: int, size: int) -> int:
        if PPB[0] <= address < PPB[0] + 0x40000:
            self._check_privilege(address)
            return self.control.read(address, size)
        return self._bus[0](address, size)

    def _write(self, address: int, size: int, value: int) -> None:
        if PPB[0] <= address < PPB[0] + 0x40000:
            self._check_privilege(address)
            self.control.write(address, size, value)
            self.attend()
        else:
            self._bus[1](address, size, value)
            if self._wanted():  # by the register that was written
                self.attend()

    def _check_privilege(self, address: int) -> None:
        if self.engine.get("control") & NOT_PRIVILEGED and not self._active:
            raise Violation(
                Rule.UNPRIVILEGED,
                f"unprivileged code uses the system register {address:#010x}",
                f"{ARM}, B3.1.1",
            )
