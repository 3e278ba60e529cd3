/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RP2040: UART0 on GPIO0 and GPIO1, cycle counter, identity, reset reason. RP2040 Datasheet,
 * 'SysTick Timer' and 'Timer', 'SYSINFO', 'Chip-Level Reset' and 'Watchdog'.
 */
#include "baud.h"
#include "board.h"
#include "board_config.h"
#include "clock.h"
#include "family.h"
#include "fault.h"
#include "reg.h"
#include "resets.h"
#include "uart.h"
#include "widen.h"

#if !defined(BOARD_UART_UART0) || BOARD_UART_ALTERNATE != 2 || BOARD_UART_TX_PIN != 0 || \
    BOARD_UART_RX_PIN != 1
#error chip/rp2040 knows UART0 at GPIO0 and GPIO1, function 2: RP2040 Datasheet, 'Function Select'
#endif
#if !BAUD_IS_NEAR(UART_UNIT_HZ(BOARD_CLOCK_HZ)) || \
    BAUD_DIVISOR(UART_UNIT_HZ(BOARD_CLOCK_HZ)) < UART_LEAST_DIVISOR
#error the UART misses the baud rate of the board by 2 % or more: another baud in its file
#endif

/* ARMv6-M Architecture Reference Manual (DDI 0419), B3.3 */
#define SYST_CSR REG32(0xE000E010u)
#define SYST_RVR REG32(0xE000E014u)
#define SYST_CVR REG32(0xE000E018u)
#define SYST_ENABLE_AT_CORE_CLOCK 5u /* ENABLE, CLKSOURCE; no exception */
#define SYST_BITS 24u
#define SYST_LAST ((1u << SYST_BITS) - 1u)

/* 'Timer', 'List of Registers': microseconds; the RAW registers do not latch each other */
#define TIMER_HIGH REG32(0x40054024u) /* TIMERAWH */
#define TIMER_LOW REG32(0x40054028u)  /* TIMERAWL */
#define CYCLES_PER_MICROSECOND (BOARD_CLOCK_HZ / 1000000u)
#if CYCLES_PER_MICROSECOND * 1000000u != BOARD_CLOCK_HZ
#error the clock of the board is not a whole number of MHz, which the time of the timer needs
#endif

#define SYSINFO_CHIP_ID REG32(0x40000000u) /* 'SYSINFO', 'List of Registers' */

#define WATCHDOG_REASON REG32(0x40058008u) /* 'Watchdog', 'List of Registers' */
#define REASON_TIMER (1u << 0)
#define REASON_FORCE (1u << 1)
#define CHIP_RESET REG32(0x40064008u)      /* 'Chip-Level Reset', 'List of Registers' */
#define CHIP_RESET_HAD_POWER (1u << 8)     /* HAD_POR: power-on or brown-out */
#define CHIP_RESET_HAD_RUN (1u << 16)      /* the pin RUN */
#define CHIP_RESET_HAD_PROBE (1u << 20)    /* HAD_PSM_RESTART: from the debug port */

#define BLOCKS (RESET_UART0 | RESET_TIMER | RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_SYSINFO)

/* By clock_source. At a baud rate that a slow clock cannot make, a report is not readable. */
static const uint32_t uart_divisors[] = {
    BAUD_DIVISOR(UART_UNIT_HZ(ROSC_HZ)),
    BAUD_DIVISOR(UART_UNIT_HZ(BOARD_OSCILLATOR_HZ)),
    BAUD_DIVISOR(UART_UNIT_HZ(BOARD_CLOCK_HZ)),
};

void family_init(void)
{
    const char *failed = clock_start();
    const uint32_t divisor = uart_divisors[clock_uart()];
    if (!blocks_start(BLOCKS) && failed == 0) {
        failed = "reset-blocks";
    }
    if (failed != 0) {
        uart_start(divisor);
        const struct fault_word words[] = {{"resets_done", RESETS_DONE}};
        fault_report(failed, words, 1);
    }
    SYST_RVR = SYST_LAST;
    SYST_CVR = 0; /* any value: it loads SYST_RVR */
    SYST_CSR = SYST_ENABLE_AT_CORE_CLOCK;
    uart_start(divisor);
}

void family_send(uint8_t byte)
{
    uart_send(byte);
}

void family_receive(void)
{
    uart_receive();
}

/* 'SIO', 'List of Registers' */
#define SIO_OUT_SET REG32(0xD0000014u)
#define SIO_OUT_CLEAR REG32(0xD0000018u)
#define SIO_OUTPUT_SET REG32(0xD0000024u) /* GPIO_OE_SET */
#define FUNCTION_SIO 5u                   /* 'Function Select' */

void family_pin_start(uint32_t port, uint32_t number, bool high)
{
    family_pin_write(port, number, high);
    SIO_OUTPUT_SET = 1u << number;
    PAD(number) = PAD_4_MA | PAD_INPUT | PAD_SCHMITT;
    IO_CTRL(number) = FUNCTION_SIO;
}

void family_pin_write(uint32_t port, uint32_t number, bool high)
{
    (void)port; /* there is one */
    if (high) {
        SIO_OUT_SET = 1u << number;
    } else {
        SIO_OUT_CLEAR = 1u << number;
    }
}

static uint64_t microseconds(void)
{
    uint32_t high = TIMER_HIGH;
    uint32_t low = TIMER_LOW;
    const uint32_t after = TIMER_HIGH;
    if (after != high) { /* once in 71 minutes */
        high = after;
        low = TIMER_LOW;
    }
    return ((uint64_t)high << 32) | low;
}

/*
 * SysTick counts cycles, down, and wraps after 134 ms at 125 MHz; the timer says how often it has.
 * Both are moved up by 8 bits, as widen() takes a fine counter of 32 bits: 2^56 cycles are 18 years.
 */
uint64_t board_ticks(void)
{
    const uint32_t above = 32u - SYST_BITS;
    const uint64_t coarse = microseconds() * CYCLES_PER_MICROSECOND;
    return widen(coarse << above, (SYST_LAST - SYST_CVR) << above) >> above;
}

uint32_t board_chip_id(void)
{
    return SYSINFO_CHIP_ID;
}

/* The watchdog's reason is 0 after every reset that it did not make. */
enum board_reset board_reset_reason(void)
{
    const uint32_t reason = WATCHDOG_REASON;
    if ((reason & REASON_FORCE) != 0u) {
        return BOARD_RESET_SOFTWARE;
    }
    if ((reason & REASON_TIMER) != 0u) {
        return BOARD_RESET_WATCHDOG;
    }
    const uint32_t flags = CHIP_RESET;
    if ((flags & (CHIP_RESET_HAD_RUN | CHIP_RESET_HAD_PROBE)) != 0u) {
        return BOARD_RESET_PIN;
    }
    return (flags & CHIP_RESET_HAD_POWER) != 0u ? BOARD_RESET_POWER : BOARD_RESET_UNKNOWN;
}
