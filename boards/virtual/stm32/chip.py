# SPDX-License-Identifier: Apache-2.0
"""An STM32F4 or F7 put together: core, memories, registers, and the wires of a board."""

from collections.abc import Callable, Mapping

from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.virtual.armv7m import PPB, Core
from mcuforge.boards.virtual.bus import Bus, Peripheral
from mcuforge.boards.virtual.chip import VirtualChip
from mcuforge.boards.virtual.engine import Engine
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.clocks import Clocks, Flash, Power
from mcuforge.boards.virtual.stm32.external import ExternalMemories
from mcuforge.boards.virtual.stm32.facts import Facts
from mcuforge.boards.virtual.stm32.ports import ALTERNATE_MODE, Debug, Gpio, Timer
from mcuforge.boards.virtual.stm32.usart import FlagUsart, StatusUsart, Usart
from mcuforge.errors import InternalError

DEVICES = ((0x40000000, 0x80000), PPB)  # origin, bytes
FLASH_ORIGIN = 0x08000000

# name -> (address, bus, interrupt, enable register, bit): RM0090, RM0390 and RM0385, 'Memory map',
# 'Vector table' and 'RCC APB1/APB2 peripheral clock enable register'
USARTS = {
    "USART1": (0x40011000, "APB2", 37, "APB2ENR", 4),
    "USART2": (0x40004400, "APB1", 38, "APB1ENR", 17),
    "USART3": (0x40004800, "APB1", 39, "APB1ENR", 18),
}


class Stm32(VirtualChip):
    """A virtual STM32F4 or F7 on a board."""

    clocks: Clocks
    core: Core

    def __init__(
        self,
        facts: Facts,
        hardware: Hardware,
        baud: int,
        code: bytes,
        places: Callable[[int], str],
    ) -> None:
        """code: the flash from its first byte; places: names the source of an address."""
        self.facts = facts
        self._hardware = hardware
        external = ExternalMemories(facts, hardware, self)
        engine = Engine(
            facts.processor.core,
            (*facts.memories, *facts.aliases),
            (*DEVICES, *external.devices),
            code,
            doubles=facts.processor.double_fpu,
        )
        self._engine = engine
        power, flash = Power(facts, self.count), Flash(facts)
        oscillator = (hardware.oscillator_hz, hardware.bypass)
        self.clocks = Clocks(facts, power, flash, oscillator, self.count, self._refuse_ram_off)
        self.ports = [Gpio(facts, port) for port in range(facts.gpio_ports)]
        clocks = self.clocks
        buses = {"APB1": lambda: clocks.apb1, "APB2": lambda: clocks.apb2}
        kind = StatusUsart if facts.usart == "SR and DR" else FlagUsart
        usarts: dict[str, Usart] = {
            name: kind(facts, name, origin, buses[bus], self.count, lambda: clocks.hclk)
            for name, (origin, bus, _, _, _) in USARTS.items()
        }
        if hardware.uart not in usarts:
            raise InternalError(f"the model of {facts.name} has no {hardware.uart}")
        self.uart = usarts[hardware.uart]
        self.uart.baud = baud
        for usart in usarts.values():
            usart.baud = baud
        self.uart.check_pins = self._check_pins
        timer = Timer(facts, self.count, lambda: (clocks.apb1_timers, clocks.hclk))
        devices: list[Peripheral] = [clocks, power, flash, timer, Debug(facts), *self.ports]
        self.bus = Bus(
            [*devices, *usarts.values(), *external.peripherals],
            self.is_clocked,
            f"{facts.manual}, 'Memory map'",
        )
        self._gates = external.gates | {"PWR": ("APB1ENR", 28), "TIM5": ("APB1ENR", 3)}
        self._gates |= {port.name: ("AHB1ENR", n) for n, port in enumerate(self.ports)}
        self._gates |= {name: (register, bit) for name, (*_, register, bit) in USARTS.items()}
        core = Core(
            engine,
            facts.processor,
            FLASH_ORIGIN,
            facts.interrupts,
            places,
            self.bus.read,
            self.bus.write,
        )
        for name, (_, _, interrupt, _, _) in USARTS.items():
            core.lines[interrupt] = usarts[name].asks
        self.core = core
        self._external = external
        engine.on_missing = external.missing

    def attach(self, memory: Memory, data: bytes) -> None:
        """Put a memory outside the chip on its pins."""
        self._external.attach(memory, data)

    @property
    def seconds(self) -> float:
        """Virtual time since reset."""
        return self.clocks.seconds

    def count(self) -> int:
        """Cycles since reset."""
        return self._engine.counter.count

    def is_clocked(self, peripheral: Peripheral) -> bool:
        """Tell whether RCC gives a peripheral its clock."""
        gate = self._gates.get(peripheral.name)
        return gate is None or self.clocks.is_on(*gate)

    def _refuse_ram_off(self) -> None:
        raise self.clocks.violation(
            Rule.RAM_OFF, f"RCC_AHB1ENR switches off '{self.facts.ccm}', which the image may use"
        )

    def _check_pins(self) -> None:
        for signal, pin in (("TX", self._hardware.tx), ("RX", self._hardware.rx)):
            self._check_pin(signal, pin)

    def _check_pin(self, signal: str, pin: Pin) -> None:
        uart = self._hardware.uart
        self.check_wire(uart, signal, pin, self.facts.usart_pins)

    def check_wire(
        self,
        user: str,
        signal: str,
        pin: Pin,
        functions: Mapping[tuple[str, str], tuple[str, int]],
    ) -> None:
        """Refuse a pin that does not carry the `signal` of the peripheral `user`.

        functions: signal and alternate function of the peripheral's pins.
        """
        port = self.ports[pin.port]
        name = f"P{chr(ord('A') + pin.port)}{pin.number}"
        if not self.is_clocked(port):
            raise port.violation(
                Rule.UNCLOCKED, f"{user} uses {name} while the clock of {port.name} is off"
            )
        if port.mode(pin.number) != ALTERNATE_MODE:
            raise port.violation(
                Rule.PIN_MODE,
                f"{name}, {signal} of {user}, has MODER {port.mode(pin.number)}: 2 is alternate",
            )
        wired = functions.get((user, name))
        if wired is None or wired != (signal, port.alternate(pin.number)):
            expected = "none" if wired is None else f"{wired[0]} is AF{wired[1]}"
            raise port.violation(
                Rule.ALTERNATE,
                f"{name} has AF{port.alternate(pin.number)} for {signal} of {user}: {expected}",
            )
