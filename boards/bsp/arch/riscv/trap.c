/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RISC-V traps, the platform-level interrupt controller and the cycle counter. The controller's
 * layout is that of the RISC-V PLIC Specification, context 0 being hart 0 in machine mode.
 */
#include "board.h"
#include "chip.h"
#include "csr.h"
#include "family.h"
#include "fault.h"
#include "reg.h"
#include "serial.h"

#define PLIC_PRIORITY(source) REG32(CHIP_PLIC + 4u * (source))
#define PLIC_ENABLE(source) REG32(CHIP_PLIC + 0x2000u + 4u * ((source) / 32u))
#define PLIC_THRESHOLD REG32(CHIP_PLIC + 0x200000u)
#define PLIC_CLAIM REG32(CHIP_PLIC + 0x200004u)

#define MCAUSE_EXTERNAL 0x8000000Bu
#define MIE_EXTERNAL (1u << 11)
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
    const uint32_t source = cause == MCAUSE_EXTERNAL ? PLIC_CLAIM : 0u;
    if (source == CHIP_UART_INTERRUPT) {
        family_receive();
        PLIC_CLAIM = source;
    } else if (cause != MCAUSE_EXTERNAL) {
        const struct fault_word words[] = {{"mcause", cause}};
        fault_report("interrupt", words, 1);
    }
    /* source 0: the request went away before it was claimed */
}

void interrupt_enable(void)
{
    PLIC_PRIORITY(CHIP_UART_INTERRUPT) = 1u;
    PLIC_ENABLE(CHIP_UART_INTERRUPT) = 1u << (CHIP_UART_INTERRUPT % 32u);
    PLIC_THRESHOLD = 0u;
    CSR_SET(mie, MIE_EXTERNAL);
    CSR_SET(mstatus, MSTATUS_MIE);
}

void interrupt_disable(void)
{
    CSR_CLEAR(mie, MIE_EXTERNAL);
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
