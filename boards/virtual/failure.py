# SPDX-License-Identifier: Apache-2.0
"""What a virtual chip refuses: each rule has a name, and a failure says where it was broken."""

from enum import StrEnum

from mcuforge.errors import BoardError


class Rule(StrEnum):
    """A rule of the hardware; the value is its name in errors."""

    UNCLOCKED = "unclocked peripheral"
    RESERVED = "reserved bit"
    READ_ONLY = "write to a read-only register"
    UNMAPPED = "unmapped access"
    UNUSED = "access to memory that the image does not use"
    UNPRIVILEGED = "unprivileged access"
    WIDTH = "access of the wrong width"
    FLASH_WRITE = "store to flash"
    EXECUTE = "execution outside flash"
    POLL = "poll of a bit never requested"
    NOT_READY = "clock used before it is ready"
    LOCKED = "field changed while it is in use"
    OSCILLATOR = "wrong oscillator mode"
    PLL_RANGE = "PLL out of range"
    WAIT_STATES = "too few flash wait states"
    WRITE_DELAY = "flash programming delay too short"
    VOLTAGE_SCALE = "voltage scale too low"
    OVER_DRIVE = "over-drive missing"
    SUPPLY = "power supply not chosen"
    BOOST = "boost mode missing"
    CLOCK_STEP = "clock raised in one step"
    BUS_CLOCK = "bus clock too fast"
    PIN_SUPPLY = "pin without its supply"
    PIN_MODE = "pin not in alternate mode"
    ALTERNATE = "wrong alternate function"
    DEBUG_PINS = "debug pins taken"
    BAUD = "baud rate off by 2 % or more"
    FRAME_FORMAT = "UART format is not 8N1"
    UART_OFF = "UART used while it is off"
    DWT_OFF = "cycle counter not started"
    DWT_LOCKED = "cycle counter locked"
    FPU_OFF = "FPU used before CPACR enables it"
    DOUBLE = "double precision on a single-precision chip"
    CACHE = "cache switched on before it is invalidated"
    CACHE_LOST = "written data thrown out of the cache"
    RAM_OFF = "RAM bank switched off"
    ERRATUM = "erratum without its workaround"
    VECTOR = "bad exception vector"
    FLASH_CLOCK = "flash clock too fast"
    MISALIGNED = "misaligned access"
    COMPLETION = "interrupt completed that was not claimed"
    EXTERNAL_OFF = "external memory used before it is set up"
    FLASH_COMMAND = "command that the external flash does not take"
    WRITE_ENABLE = "flash register written without write enable"
    DUMMY = "wrong number of dummy cycles"
    GEOMETRY = "external memory described wrongly"
    SDRAM_ORDER = "SDRAM started out of order"
    REFRESH = "SDRAM refreshed too seldom"
    TIMING = "external memory driven too fast"
    PIN_SPEED = "pin too slow"
    DEVICE_MEMORY = "data in device memory"
    SPECULATION = "speculative reads where nothing answers"
    CSR = "control and status register that the core lacks"
    BOOT_CHECKSUM = "second-stage boot code with a wrong checksum"
    FLASH_OFF = "flash used before it is set up"
    IN_RESET = "peripheral used while it is in reset"
    TICK = "timer without its tick"
    INSTRUCTION = "instruction that the core lacks"
    LOCKUP = "fault while a fault is entered"


class Violation(Exception):
    """A rule is broken; the processor adds the place. `manual`: where the rule is written."""

    def __init__(self, rule: Rule, what: str, manual: str) -> None:
        self.rule = rule
        self.what = what
        self.manual = manual
        super().__init__(what)


class StrictFailure(BoardError):
    """The program broke `rule` at the instruction `pc`."""

    def __init__(self, violation: Violation, pc: int, place: str) -> None:
        self.rule = violation.rule
        self.pc = pc
        self.place = place  # "src/bsp/stm32f4/clock.c:91 in clock_start", or "" if unknown
        super().__init__(
            f"{violation.rule}: {violation.what}",
            f"pc {pc:#010x}" + (f", {place}" if place else ""),
            f"the rule is in {violation.manual}; on the hardware this fails or works by luck",
        )
