/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive FE310-G002: UART0 on GPIO 16 and 17, and why it was reset. FE310-G002 Manual, sections
 * "General Purpose Input/Output Controller (GPIO)", "Universal Asynchronous Receiver/Transmitter
 * (UART)" and "Power-Management Unit (PMU)". The chip has no register that tells its number.
 */
#include "baud.h"
#include "board.h"
#include "board_config.h"
#include "clock.h"
#include "family.h"
#include "fault.h"
#include "reg.h"
#include "serial.h"

#define PMU_CAUSE REG32(0x10000144u) /* "PMU Wakeup and Reset Cause Register (pmucause)" */
#define CAUSE_WAKEUP 3u
#define CAUSE_RESET_AT 8u
#define CAUSE_RESET_BITS 3u

#define GPIO_OUTPUT_EN REG32(0x10012008u)
#define GPIO_OUTPUT REG32(0x1001200Cu) /* the level of outputs */
#define GPIO_IOF_EN REG32(0x10012038u)
#define GPIO_IOF_SEL REG32(0x1001203Cu)
#define UART0_TXDATA REG32(0x10013000u)
#define UART0_RXDATA REG32(0x10013004u)
#define UART0_TXCTRL REG32(0x10013008u)
#define UART0_RXCTRL REG32(0x1001300Cu)
#define UART0_IE REG32(0x10013010u)
#define UART0_DIV REG32(0x10013018u)

#define UART_PINS ((1u << BOARD_UART_TX_PIN) | (1u << BOARD_UART_RX_PIN))
#define UART_ENABLE (1u << 0)
#define UART_TX_FULL (1u << 31)
#define UART_RX_EMPTY (1u << 31)
#define UART_RX_WATERMARK (1u << 1)

#if !defined(BOARD_UART_UART0) || BOARD_UART_ALTERNATE != 0
#error chip/fe310 knows UART0, which is IOF 0 of its pins
#endif
#if !BAUD_IS_NEAR(BOARD_CLOCK_HZ)
#error the UART misses the baud rate of the board by 2 % or more: another baud in its file
#endif

static void uart_start(uint32_t divisor)
{
    UART0_DIV = divisor - 1u; /* "Baud Rate Divisor Register (div)" */
    UART0_TXCTRL = UART_ENABLE;
    UART0_RXCTRL = UART_ENABLE; /* watermark 0: an interrupt from the first byte on */
    UART0_IE = UART_RX_WATERMARK;
    GPIO_IOF_SEL &= ~UART_PINS; /* after the UART, which holds the line up from then on */
    GPIO_IOF_EN |= UART_PINS;
}

void family_init(void)
{
    const char *const failed = clock_start();
    if (failed != 0) {
        /* the ring oscillator is not exact: the line may be unreadable, but is not silent */
        uart_start(BAUD_DIVISOR(HFROSC_HZ));
        fault_report(failed, 0, 0);
    }
    uart_start(BAUD_DIVISOR(BOARD_CLOCK_HZ));
}

void family_send(uint8_t byte)
{
    while ((UART0_TXDATA & UART_TX_FULL) != 0u) {
    }
    UART0_TXDATA = byte;
}

/* This UART does not report an overrun of its FIFO: the link's checksums find it. */
void family_receive(void)
{
    while (serial_has_room()) {
        const uint32_t received = UART0_RXDATA;
        if ((received & UART_RX_EMPTY) != 0u) {
            return;
        }
        serial_put((uint8_t)received);
    }
}

void family_pin_start(uint32_t port, uint32_t number, bool high)
{
    family_pin_write(port, number, high);
    GPIO_OUTPUT_EN |= 1u << number;
    GPIO_IOF_EN &= ~(1u << number);
}

void family_pin_write(uint32_t port, uint32_t number, bool high)
{
    (void)port; /* there is one */
    if (high) {
        GPIO_OUTPUT |= 1u << number;
    } else {
        GPIO_OUTPUT &= ~(1u << number);
    }
}

enum board_reset board_reset_reason(void)
{
    static const enum board_reset resets[] = {BOARD_RESET_POWER, BOARD_RESET_PIN,
                                              BOARD_RESET_WATCHDOG, BOARD_RESET_UNKNOWN};
    const uint32_t cause = PMU_CAUSE;
    if ((cause & CAUSE_WAKEUP) != 0u) {
        return BOARD_RESET_LOW_POWER;
    }
    return resets[cause >> CAUSE_RESET_AT & CAUSE_RESET_BITS];
}
