# SPDX-License-Identifier: Apache-2.0
"""Unicorn as a processor: memories, registers, an exact count of instructions.

Facts of Unicorn 2.1 that shape this file. UC_MODE_MCLASS forces the Cortex-M33, so an Arm core is
chosen with UC_MODE_THUMB alone. `emu_stop` is safe only in a block hook: there the block does not
run. Elsewhere, or from another thread, it corrupts the run. An FP instruction always works, so the
core above checks CPACR itself. On RISC-V an instruction that uses a control and status register
ends its block, and a hook on it may set the PC behind it, so that it never runs in Unicorn.
"""

import ctypes
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcuforge.boards.virtual.instructions import first_lacking, instructions_of
from mcuforge.boards.virtual.native import Counter, native_hook
from mcuforge.errors import BoardError

DEVICES = (0x40000000, 0xFFFFFFFF)  # addresses of registers, inclusive

Read = Callable[[int, int], int]  # address, bytes -> value
Write = Callable[[int, int, int], None]  # address, bytes, value
# address, writing -> the memory that is there from now on, and its first bytes
Missing = Callable[[int, bool], "tuple[Region, bytes] | None"]
Gate = Callable[["Region", int, bool], tuple[int, int, bool]]


@dataclass(frozen=True)
class UnicornCore:
    """A core, by the names of Unicorn's constants.

    aligned: it traps at other accesses, which Unicorn does not do. armv6m: it lacks instructions
    that Unicorn gives it.
    """

    family: str
    mode: str
    model: str
    registers: tuple[str, ...]
    thumb: bool
    aligned: bool
    armv6m: bool = False


ARM_REGISTERS = (
    *(f"r{n}" for n in range(13)),
    *("sp", "lr", "pc", "xpsr", "control", "primask", "fpscr", "basepri"),
    *(f"s{n}" for n in range(16)),
)
ARM_M4 = UnicornCore("ARM", "THUMB", "ARM_CORTEX_M4", ARM_REGISTERS, thumb=True, aligned=False)
ARM_M7 = UnicornCore("ARM", "THUMB", "ARM_CORTEX_M7", ARM_REGISTERS, thumb=True, aligned=False)
ARM_M0 = UnicornCore(
    "ARM", "THUMB", "ARM_CORTEX_M0", ARM_REGISTERS, thumb=True, aligned=False, armv6m=True
)
RV32IMAC = UnicornCore(
    "RISCV",
    "RISCV32",
    "RISCV32_SIFIVE_E31",
    ("pc", *(f"x{n}" for n in range(32))),
    thumb=False,
    aligned=True,
)


@dataclass(frozen=True)
class Region:
    """Memory: `code` may be executed and not written, other memory the reverse.

    alias: where the same bytes appear a second time. An image touches only the memory that is
    `used`. What is `gated` is closed until Engine.on_gate opens it.
    """

    name: str
    origin: int
    bytes: int
    code: bool
    alias: int | None = None
    used: bool = True
    gated: bool = False

    def holds(self, address: int, size: int = 1) -> bool:
        """Tell whether all of [address, address + size) lies here."""
        return any(
            origin is not None and origin <= address <= origin + self.bytes - size
            for origin in (self.origin, self.alias)
        )


def refuse_without_unicorn(board_id: str) -> None:
    """Raise a BoardError unless Unicorn can be imported."""
    try:
        import unicorn  # noqa: F401
    except ImportError:
        raise BoardError(
            "--exact needs the package unicorn, which is not installed",
            f"board {board_id}",
            "pip install 'mcuforge[exact]' (Unicorn is GPL-2), or --emulate",
        ) from None


class Stopped(Exception):
    """The processor cannot go on at this instruction; `kind` says why."""

    def __init__(self, kind: str, address: int, writing: bool = False) -> None:
        self.kind = kind  # "unmapped", "protected", "fetch", "misaligned", "undefined", ...
        self.address = address
        self.writing = writing
        super().__init__(kind)


class Engine:
    """A processor core without exceptions, interrupts or system registers."""

    def __init__(
        self,
        core: UnicornCore,
        memories: tuple[Region, ...],
        devices: tuple[tuple[int, int], ...],
        code: bytes,
        *,
        doubles: bool = True,
    ) -> None:
        """Map memory and (origin, bytes) of registers; `code` fills the first code region.

        doubles: whether the FPU, if there is one, computes with doubles.
        """
        import unicorn
        from unicorn import unicorn_const

        names = importlib.import_module(f"unicorn.{core.family.lower()}_const")
        self._c = unicorn_const
        self._error = unicorn.UcError
        self._core = core
        self._doubles = doubles
        self._uc = unicorn.Uc(
            getattr(unicorn_const, f"UC_ARCH_{core.family}"),
            getattr(unicorn_const, f"UC_MODE_{core.mode}"),
        )
        self._uc.ctl_set_cpu_model(getattr(names, f"UC_CPU_{core.model}"))
        self._ids: dict[str, int] = {
            name: getattr(names, f"UC_{core.family}_REG_{name.upper()}") for name in core.registers
        }
        self.regions = regions = tuple(region for region in memories if region.used)
        self.unused = tuple(region for region in memories if not region.used)
        flash = next(region for region in regions if region.code)
        for region in regions:
            self._map_memory(region, region.origin, code if region is flash else b"")
            if region.alias is not None:
                self._map_memory(region, region.alias, code if region is flash else b"")
        self.on_read: Read = lambda address, size: 0
        self.on_write: Write = lambda address, size, value: None
        self.on_return: Callable[[int], None] = lambda value: None
        self.on_missing: Missing = lambda address, writing: None
        # gated memory, address, writing -> what is open there: origin, bytes, whether to writes too
        self.on_gate: Gate = lambda region, address, writing: (region.origin, region.bytes, True)
        for origin, size in devices:
            self._map_devices(origin, size)
        self._stop: Stopped | None = None
        self._failure: BaseException | None = None
        self.failed_pc = 0  # of the instruction that broke a rule
        self._keep: list[object] = []
        low = [(at, at + size - 1) for at, size in devices if at < DEVICES[0]]
        places = [(1, 0)] if core.aligned else [DEVICES, *low]  # first > last: everywhere
        self.counter = self._count(flash, code, places)
        self._uc.hook_add(unicorn_const.UC_HOOK_INTR, self._interrupt)
        self._uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._invalid)
        self._uc.hook_add(unicorn_const.UC_HOOK_INSN_INVALID, self._undefined)

    def get(self, name: str) -> int:
        """Read a register, by one of the names of the processor."""
        return int(self._uc.reg_read(self._ids[name]))

    def set(self, name: str, value: int) -> None:
        """Write a register."""
        self._uc.reg_write(self._ids[name], value)

    def get_all(self, names: tuple[str, ...]) -> list[int]:
        """Read several registers at once, which is much quicker."""
        return list(self._uc.reg_read_batch([self._ids[name] for name in names]))

    def get_others(self) -> list[int]:
        """Read all registers but the PC, which is behind in front of some instructions."""
        return self.get_all(tuple(name for name in self._core.registers if name != "pc"))

    def set_all(self, values: dict[str, int]) -> None:
        """Write several registers at once."""
        self._uc.reg_write_batch([(self._ids[name], value) for name, value in values.items()])

    def load(self, address: int, size: int) -> bytes:
        """Read memory, whatever the program may do there."""
        return bytes(self._uc.mem_read(address, size))

    def store(self, address: int, data: bytes) -> None:
        """Write memory, whatever the program may do there."""
        self._uc.mem_write(address, data)

    def holds(self, address: int, size: int) -> Region | None:
        """Find the region that holds all of [address, address + size)."""
        for region in self.regions:
            if region.holds(address, size):
                return region
        return None

    def watch_instructions(self, look: Callable[[int], None]) -> Callable[[], None]:
        """Call `look` with each instruction's address; returns what ends that, between two runs."""

        def code(_uc: object, address: int, _size: int, _user: object) -> None:
            self._look(look, address)

        return self._watch(self._c.UC_HOOK_CODE, code, 1, 0)

    def watch_reads(self, region: Region, look: Callable[[int], None]) -> Callable[[], None]:
        """Call `look` with the address of each read of a region; returns what ends that."""

        def read(_uc: object, _kind: int, address: int, *_: object) -> bool:
            self._look(look, address)
            return True

        last = region.origin + region.bytes - 1
        return self._watch(self._c.UC_HOOK_MEM_READ, read, region.origin, last)

    def set_executable(self, region: Region, allowed: bool) -> None:
        """Allow or forbid code in memory that may be written, between two runs."""
        execute = self._c.UC_PROT_EXEC if allowed else 0
        rights = self._c.UC_PROT_READ | self._c.UC_PROT_WRITE | execute
        self._uc.mem_protect(region.origin, region.bytes, rights)

    def watch_places(self, addresses: Iterable[int], look: Callable[[int], None]) -> None:
        """Call `look` with the address before an instruction of `addresses` runs.

        It may set the PC: then the instruction does not run.
        """

        def code(_uc: object, address: int, _size: int, _user: object) -> None:
            if self.counter.stopped or self._failure is not None:
                return
            self._look(look, address)

        for address in addresses:
            self._uc.hook_add(self._c.UC_HOOK_CODE, code, None, address, address)

    def run(self, pc: int, limit: int) -> int:
        """Run from `pc` to the count `limit`, or until attention is asked for.

        Returns the PC. Raises Stopped, or what `on_read` or `on_write` raised; `failed_pc` then is
        that of the instruction.
        """
        self.counter.limit = limit
        self.counter.stopped = 0
        self._stop = None
        returns = True
        while returns:
            try:
                self._uc.emu_start(pc | self._core.thumb, 0xFFFFFFFE)
            except self._error as error:
                if self._stop is None and self._failure is None:
                    raise Stopped(f"error {error}", 0) from error
            # a Cortex-M0 does not raise the interrupt of an exception return
            returns = self._stop is not None and self._returns(self._stop)
            if returns:
                self._stop = None
                self.on_return(self.get("pc") | 1)
                pc = self.get("pc")
        if self.counter.misaligned:
            self.failed_pc = self.counter.misaligned_pc
            raise Stopped("misaligned", self.counter.misaligned_at)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self.counter.refused:
            refused, self.counter.refused = self.counter.refused, 0
            raise Stopped("lacking", refused)
        if self._stop is not None:
            raise self._stop
        return self.get("pc")

    def _returns(self, stopped: Stopped) -> bool:
        """Tell whether the processor stopped because an exception returns."""
        return bool(self._core.thumb) and stopped.kind == "fetch" and stopped.address >= 0xFFFFFFE0

    def _map_memory(self, region: Region, origin: int, code: bytes) -> None:
        self._uc.mem_map(origin, region.bytes, self._c.UC_PROT_ALL)
        self._uc.mem_write(origin, code)
        other = self._c.UC_PROT_EXEC if region.code else self._c.UC_PROT_WRITE
        allowed = self._c.UC_PROT_NONE if region.gated else self._c.UC_PROT_READ | other
        self._uc.mem_protect(origin, region.bytes, allowed)

    def _map_devices(self, origin: int, size: int) -> None:
        def read(_uc: object, offset: int, width: int, _user: object) -> int:
            if self._failure is not None:
                return 0
            try:
                return self.on_read(origin + offset, width)
            except BaseException as failure:
                self._fail(failure)
                return 0

        def write(_uc: object, offset: int, width: int, value: int, _user: object) -> None:
            if self._failure is not None:
                return
            try:
                self.on_write(origin + offset, width, value & 0xFFFFFFFF)
            except BaseException as failure:
                self._fail(failure)

        self._uc.mmio_map(origin, size, read, None, write, None)

    def _watch(self, kind: int, call: object, first: int, last: int) -> Callable[[], None]:
        handle = self._uc.hook_add(kind, call, None, first, last)

        def end() -> None:
            self._uc.hook_del(handle)
            self._uc.ctl_flush_tb()

        return end

    def _look(self, look: Callable[[int], None], address: int) -> None:
        try:
            look(address)
        except BaseException as failure:
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        """Remember what a callback raised; the run ends before the next block."""
        if self._failure is None:
            self._failure = failure
            self.failed_pc = self.get("pc")
        self.counter.attention = 1

    def _interrupt(self, _uc: object, number: int, _user: object) -> None:
        pc = self.get("pc")
        if self._core.thumb and number in (3, 8) and pc >= 0xFFFFFFE0:
            try:
                self.on_return(pc | 1)
            except BaseException as failure:
                self._fail(failure)
                self._uc.emu_stop()
            return
        self._stop = Stopped(f"number {number}", pc)
        self._uc.emu_stop()

    def _invalid(
        self, _uc: object, kind: int, address: int, _size: int, _value: int, _user: object
    ) -> bool:
        fetch = (self._c.UC_MEM_FETCH_UNMAPPED, self._c.UC_MEM_FETCH_PROT)
        write = (self._c.UC_MEM_WRITE_UNMAPPED, self._c.UC_MEM_WRITE_PROT)
        protected = (self._c.UC_MEM_WRITE_PROT, self._c.UC_MEM_READ_PROT)
        if kind in (self._c.UC_MEM_READ_UNMAPPED, self._c.UC_MEM_WRITE_UNMAPPED):
            try:
                found = self.on_missing(address, kind in write)
            except BaseException as failure:
                self._fail(failure)
                return False
            if found is not None:
                region, data = found
                self._map_memory(region, region.origin, data)
                self.regions += (region,)
                return True
        closed = self.holds(address, 1)
        if closed is not None and closed.gated and kind in protected:
            return self._open(closed, address, kind in write)
        word = "fetch" if kind in fetch else "protected" if kind in protected else "unmapped"
        self._stop = Stopped(word, address, kind in write)
        return False

    def _open(self, region: Region, address: int, writing: bool) -> bool:
        """Open gated memory if the chip allows the access; true: Unicorn tries it again."""
        try:
            origin, size, writable = self.on_gate(region, address, writing)
        except BaseException as failure:
            self._fail(failure)
            return False
        more = self._c.UC_PROT_WRITE if writable else self._c.UC_PROT_NONE
        self._uc.mem_protect(origin, size, self._c.UC_PROT_READ | more)
        return True

    def _undefined(self, _uc: object, _user: object) -> bool:
        self._stop = Stopped("undefined", self.get("pc"))
        return False

    def _count(self, flash: Region, code: bytes, places: list[tuple[int, int]]) -> Counter:
        """Install the hooks on blocks and accesses: those of hook.c, or the same in Python."""
        from unicorn.unicorn_py3 import unicorn as binding

        native = native_hook()
        alias = flash.origin if flash.alias is None else flash.alias
        counter = Counter(limit=1 << 62, code_origin=flash.origin, code_bytes=len(code))
        counter.alias_origin, counter.thumb = alias, self._core.thumb + self._core.armv6m
        counter.doubles = int(self._doubles)
        watch = self._c.UC_HOOK_MEM_READ | self._c.UC_HOOK_MEM_WRITE
        if native is None:
            self._count_in_python(counter, code)
            look = self._check_access if self._core.aligned else lambda *_: True
            for first, last in places:
                self._uc.hook_add(watch, look, None, first, last)
            return counter
        kept = ctypes.create_string_buffer(code, len(code))
        table = (ctypes.c_uint16 * (len(code) // 2 * 2))()
        counter.code = ctypes.addressof(kept)
        counter.known = ctypes.addressof(table)
        counter.stop = ctypes.cast(binding.uclib.uc_emu_stop, ctypes.c_void_p).value
        counter.read = ctypes.cast(binding.uclib.uc_reg_read, ctypes.c_void_p).value
        counter.pc = self._ids["pc"]
        self._keep += [native, kept, table]
        access = native.check_access if self._core.aligned else native.ignore_access
        for kind, function, first, last in (
            (self._c.UC_HOOK_BLOCK, native.count_block, 1, 0),
            *((watch, access, first, last) for first, last in places),
        ):
            handle = ctypes.c_size_t()
            status = binding.uclib.uc_hook_add(
                self._uc._uch,
                ctypes.byref(handle),
                kind,
                ctypes.cast(function, ctypes.c_void_p),
                ctypes.byref(counter),
                ctypes.c_uint64(first),
                ctypes.c_uint64(last),
            )
            if status != 0:
                raise self._error(status)
        return counter

    def _count_in_python(self, counter: Counter, code: bytes) -> None:
        """Do what count_block() of hook.c does."""
        known: dict[tuple[int, int], int] = {}
        origins = (int(counter.code_origin), int(counter.alias_origin))

        def count(_uc: object, address: int, size: int, _user: object) -> None:
            if counter.attention or counter.count >= counter.limit:
                counter.stopped = 1
                self._uc.emu_stop()
                return
            found = known.get((address, size))
            if found is None:
                offset = address - origins[0]
                if not 0 <= offset <= len(code) - size:
                    offset = address - origins[1]
                lacking = first_lacking(
                    code, offset, size, doubles=bool(counter.doubles), armv6m=self._core.armv6m
                )
                if lacking is not None:
                    counter.refused = address + lacking - offset
                    self._uc.emu_stop()
                    return
                found = instructions_of(code, offset, size, thumb=self._core.thumb)
                known[address, size] = found
            counter.count += found

        self._uc.hook_add(self._c.UC_HOOK_BLOCK, count)

    def _check_access(
        self, _uc: object, _kind: int, address: int, size: int, _value: int, _user: object
    ) -> bool:
        """Do what check_access() of hook.c does."""
        if address % size and not self.counter.misaligned:
            self.counter.misaligned, self.counter.misaligned_at = size, address
            self.counter.misaligned_pc = self.get("pc")
            self.counter.attention = 1
        return True
