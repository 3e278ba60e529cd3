/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V traps and the cycle counter. The chip's header says which interrupt controller it has. */
#include "board.h"
#include "chip.h"
#include "csr.h"
#include "family.h"
#include "fault.h"
#include "reg.h"
#include "serial.h"
#if defined(CHIP_ECLIC)
#include "eclic.h"
#else
#include "plic.h"
#endif

#define MSTATUS_MIE (1u << 3)

void exception_taken(uintptr_t stack) __attribute__((noreturn));
void interrupt_taken(void);

/* stack: where it stood when the exception came */
void exception_taken(uintptr_t stack)
{
    const uint32_t address = CSR_READ(mtval);
    const uintptr_t low = (uintptr_t)board_stack_low;
    const int overflow = stack < low || (address < low && address >= low - CHIP_STACK_GUARD_BYTES);
    const struct fault_word words[] = {
        {"mcause", CSR_READ(mcause)},
        {"mepc", CSR_READ(mepc)},
        {"mtval", address},
        {"sp", (uint32_t)stack},
    };
    fault_report(overflow ? "stackoverflow" : "exception", words, 4);
}

void interrupt_taken(void)
{
    const uint32_t cause = CSR_READ(mcause);
    if (!controller_knows(cause)) {
        const struct fault_word words[] = {{"mcause", cause}};
        fault_report("interrupt", words, 1);
    }
    if (controller_claim(cause) == CHIP_UART_INTERRUPT) {
        family_receive();
        controller_complete(CHIP_UART_INTERRUPT);
    }
}

void interrupt_enable(void)
{
    controller_enable(CHIP_UART_INTERRUPT);
    CSR_SET(mstatus, MSTATUS_MIE);
}

void interrupt_disable(void)
{
    controller_disable(CHIP_UART_INTERRUPT);
}

uint64_t board_ticks(void)
{
    uint32_t high;
    uint32_t low;
    do { /* again if a carry came between the halves */
        high = CSR_READ(mcycleh);
        low = CSR_READ(mcycle);
    } while (CSR_READ(mcycleh) != high);
    return ((uint64_t)high << 32) | low;
}

void board_halt(void)
{
    CSR_CLEAR(mstatus, MSTATUS_MIE);
    for (;;) {
        __asm volatile("wfi");
    }
}
