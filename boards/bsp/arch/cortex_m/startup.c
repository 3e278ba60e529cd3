/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cortex-M start-up: memory initialization, faults, the UART's interrupt. Registers are those of
 * the ARMv7-M Architecture Reference Manual (DDI 0403), sections B3.2 to B3.4.
 *
 * The stack lies at the bottom of RAM: an overflow runs into addresses that the memory protection
 * unit forbids, instead of overwriting the data above it. Armv8-M also limits its stack pointer
 * (DDI 0553, B3.21), which stops a large frame before anything is written.
 *
 * CHIP_IS_ARMV6M: the core has only HardFault, without registers that say why, and takes no bytes
 * in its own registers (DDI 0419, B3.1 to B3.4). It cannot report an overflow: pushing the frame of
 * HardFault faults again, and the core locks up (DDI 0419, B1.5.14). The guard still keeps the data.
 */
#include "board.h"
#include "chip.h"
#include "family.h"
#include "fault.h"
#include "mpu.h"
#include "reg.h"
#include "serial.h"

#define ICSR REG32(0xE000ED04u)
#define VTOR REG32(0xE000ED08u)
#define CCR REG32(0xE000ED14u)
#define SHCSR REG32(0xE000ED24u)
#define CFSR REG32(0xE000ED28u)
#define MMFAR REG32(0xE000ED34u)
#define BFAR REG32(0xE000ED38u)
#define CPACR REG32(0xE000ED88u)
#define NVIC_ISER(n) REG32(0xE000E100u + 4u * ((n) / 32u))
#define NVIC_ICER(n) REG32(0xE000E180u + 4u * ((n) / 32u))
#define NVIC_IPR(n) REG8(0xE000E400u + (n))

#define CCR_DIV_0_TRP (1u << 4)
#define SHCSR_FAULTS_ENABLED (7u << 16)         /* MemManage, BusFault, UsageFault */
#define CPACR_FPU_FULL (15u << 20)              /* CP10 and CP11 */
/* MSTKERR, STKERR: the frame could not be pushed; STKOF: beyond Armv8-M's limit */
#define CFSR_STACKING ((1u << 4) | (1u << 12) | (1u << 20))
#define CFSR_MMARVALID (1u << 7)
#define CFSR_BFARVALID (1u << 15)
#define STACK_GUARD_LOG2 16u   /* 64 KiB below the stack; board.ld aligns it */
#define BELOW_FAULTS 0x80u /* a UART interrupt must not keep a fault from being taken */

/* written by the linker script */
extern uint32_t board_data_load[];
extern uint32_t board_data_start[];
extern uint32_t board_data_end[];
extern uint32_t board_bss_start[];
extern uint32_t board_bss_end[];

extern const uint32_t vectors[];

int main(void);
void reset_entry(void) __attribute__((noreturn));
void fault_taken(const uint32_t *frame) __attribute__((noreturn));

void reset_entry(void)
{
#if !defined(CHIP_IS_ARMV6M)
    CPACR |= CPACR_FPU_FULL; /* first: the compiler may use the FPU anywhere below */
    __asm volatile("dsb\n isb" ::: "memory");
#endif
#if __ARM_ARCH >= 8
    __asm volatile("msr msplim, %0" ::"r"(board_stack_low));
#endif
    VTOR = (uint32_t)(uintptr_t)vectors;
#if !defined(CHIP_IS_ARMV6M)
    SHCSR |= SHCSR_FAULTS_ENABLED;
    CCR |= CCR_DIV_0_TRP;
#endif
    mpu_restrict(0, (uint32_t)(uintptr_t)board_stack_low - (1u << STACK_GUARD_LOG2),
                 STACK_GUARD_LOG2, MPU_NONE);

    const uint32_t *load = board_data_load;
    for (uint32_t *word = board_data_start; word < board_data_end; word++) {
        *word = *load++;
    }
    for (uint32_t *word = board_bss_start; word < board_bss_end; word++) {
        *word = 0;
    }
    (void)main();
    board_halt();
}

static const char *fault_name(uint32_t exception)
{
    switch (exception) {
    case 2: return "nmi";
    case 3: return "hardfault";
    case 4: return "memmanage";
    case 5: return "busfault";
    case 6: return "usagefault";
    default: return "interrupt";
    }
}

/* frame: r0-r3, r12, lr, pc, xpsr as the core pushed them (DDI 0403, B1.5.6) */
#if defined(CHIP_IS_ARMV6M)
void fault_taken(const uint32_t *frame)
{
    const uint32_t exception = ICSR & 0x1FFu;
    const struct fault_word words[] = {
        {"pc", frame[6]},
        {"lr", frame[5]},
        {"exception", exception},
    };
    fault_report(fault_name(exception), words, 3);
}
#else
void fault_taken(const uint32_t *frame)
{
    const uint32_t cfsr = CFSR;
    const uint32_t exception = ICSR & 0x1FFu;
    const uintptr_t at = (uintptr_t)frame;
    const int overflow = at < (uintptr_t)board_stack_low || (cfsr & CFSR_STACKING) != 0u;
    const uint32_t address =
        (cfsr & CFSR_BFARVALID) != 0u ? BFAR : (cfsr & CFSR_MMARVALID) != 0u ? MMFAR : 0u;
    const struct fault_word words[] = {
        {"pc", overflow ? 0u : frame[6]}, /* an overflow has lost the frame */
        {"lr", overflow ? 0u : frame[5]},
        {"cfsr", cfsr},
        {"addr", address},
        {"exception", exception},
    };
    fault_report(overflow ? "stackoverflow" : fault_name(exception), words, 5);
}
#endif

void interrupt_enable(void)
{
#if !defined(CHIP_IS_ARMV6M) /* there HardFault is above every interrupt */
    NVIC_IPR(CHIP_UART_INTERRUPT) = BELOW_FAULTS;
#endif
    NVIC_ISER(CHIP_UART_INTERRUPT) = 1u << (CHIP_UART_INTERRUPT % 32u);
}

void interrupt_disable(void)
{
    NVIC_ICER(CHIP_UART_INTERRUPT) = 1u << (CHIP_UART_INTERRUPT % 32u);
}

void board_halt(void)
{
    __asm volatile("cpsid i" ::: "memory");
    for (;;) {
        __asm volatile("wfi");
    }
}
