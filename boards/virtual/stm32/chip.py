# SPDX-License-Identifier: Apache-2.0
"""An STM32 put together: core, memories, registers, and the wires of a board."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.virtual.armv7m import PPB, Core
from mcuforge.boards.virtual.bus import Bus, Peripheral
from mcuforge.boards.virtual.chip import Outputs, VirtualChip
from mcuforge.boards.virtual.engine import Engine
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.clock_tree import ClockTree
from mcuforge.boards.virtual.stm32.external import ExternalMemories
from mcuforge.boards.virtual.stm32.facts import ChipFacts
from mcuforge.boards.virtual.stm32.ports import ALTERNATE_MODE, Debug, Gpio, Timer
from mcuforge.boards.virtual.stm32.usart import make_usart
from mcuforge.errors import InternalError

FLASH_ORIGIN = 0x08000000

F = TypeVar("F", bound=ChipFacts)


class Stm32(VirtualChip, Generic[F], ABC):
    """A virtual STM32 on a board; a family says what its clocks are."""

    clocks: ClockTree
    core: Core

    def __init__(
        self,
        facts: F,
        hardware: Hardware,
        baud: int,
        code: bytes,
        places: Callable[[int], str],
    ) -> None:
        """code: the flash from its first byte; places: names the source of an address."""
        self.facts = facts
        self.hardware = hardware
        external = ExternalMemories(facts, hardware, self)
        self.engine = engine = Engine(
            facts.processor.core,
            (*facts.memories, *facts.aliases),
            (*facts.devices, *external.devices, PPB),
            code,
            doubles=facts.processor.double_fpu,
        )
        self.clocks, devices = self.make_clocks()
        clocks = self.clocks
        self.ports = [Gpio(facts, port) for port in range(facts.gpio_ports)]
        self.outputs = Outputs(hardware, lambda pin: self.ports[pin.port].level(pin.number))
        self.outputs.now = lambda: (self.cycles(), clocks.hclk)
        for port in self.ports:
            port.on_change = self.outputs.look
        usarts = {
            name: make_usart(
                facts, name, partial(clocks.bus_hz, uart.bus), self.cycles, lambda: clocks.hclk
            )
            for name, uart in facts.uarts.items()
        }
        if hardware.uart not in usarts:
            raise InternalError(f"the model of {facts.name} has no {hardware.uart}")
        self.uart = usarts[hardware.uart]
        for usart in usarts.values():
            usart.baud = baud
        self.uart.check_pins = self._check_pins
        timer = Timer(facts, self.cycles, lambda: (clocks.apb1_timers, clocks.hclk))
        devices = [clocks, *devices, timer, Debug(facts), *self.ports, *usarts.values()]
        devices += external.peripherals
        self.bus = Bus(devices, self.is_clocked, f"{facts.manual}, 'Memory map'")
        self._gates = facts.enables | external.gates
        self._gates |= {port.name: (facts.ports.enable, n) for n, port in enumerate(self.ports)}
        self._gates |= {name: (uart.register, uart.bit) for name, uart in facts.uarts.items()}
        core = Core(
            engine,
            facts.processor,
            FLASH_ORIGIN,
            facts.interrupts,
            places,
            self.bus.read,
            self.bus.write,
        )
        for name, uart in facts.uarts.items():
            core.lines[uart.interrupt] = usarts[name].asks
        self.core = core
        self._external = external
        engine.on_missing = external.missing

    def attach(self, memory: Memory, data: bytes) -> None:
        """Put a memory outside the chip on its pins."""
        self._external.attach(memory, data)

    def cycles(self) -> int:
        """Cycles since reset."""
        return self.engine.counter.count

    @abstractmethod
    def make_clocks(self) -> tuple[ClockTree, list[Peripheral]]:
        """Make RCC, and the peripherals that it depends on."""

    def check_before_sending(self, port: Gpio, pin: int) -> None:
        """Refuse what a family must have done before a byte leaves at a pin."""

    def is_clocked(self, peripheral: Peripheral) -> bool:
        """Tell whether RCC gives a peripheral its clock."""
        gate = self._gates.get(peripheral.name)
        return gate is None or self.clocks.is_on(*gate)

    def _check_pins(self) -> None:
        for signal, pin in (("TX", self.hardware.tx), ("RX", self.hardware.rx)):
            self._check_pin(signal, pin)

    def _check_pin(self, signal: str, pin: Pin) -> None:
        uart = self.hardware.uart
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
        self.check_before_sending(port, pin.number)
