/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GD32VF103: USART0 on PA9 and PA10, cycle counter, identity, reset reason. User Manual, chapters
 * 'General-purpose and alternate-function I/Os (GPIO and AFIO)', 'Universal synchronous/asynchronous
 * receiver/transmitter (USART)' and 'Debug (DBG)'; Bumblebee Core Architecture Manual, chapter 'CSR'.
 */
#include "baud.h"
#include "board.h"
#include "board_config.h"
#include "clock.h"
#include "csr.h"
#include "family.h"
#include "fault.h"
#include "rcu.h"
#include "reg.h"
#include "serial.h"

#if !defined(BOARD_UART_USART0) || BOARD_UART_ALTERNATE != 0 || BOARD_UART_TX_PORT != 0 || \
    BOARD_UART_TX_PIN != 9 || BOARD_UART_RX_PORT != 0 || BOARD_UART_RX_PIN != 10
#error chip/gd32vf103 knows USART0 at PA9 and PA10, without remap
#endif
#if !BAUD_IS_NEAR(BOARD_CLOCK_HZ)
#error the UART misses the baud rate of the board by 2 % or more: another baud in its file
#endif

/* 'Port control register 0, 1 (GPIOx_CTL0, 1)', 'Port bit operate register (GPIOx_BOP)' */
#define GPIO(port) (0x40010800u + 0x400u * (port))
#define GPIO_CTL(port, pin) REG32(GPIO(port) + 4u * ((pin) / 8u))
#define GPIO_BOP(port) REG32(GPIO(port) + 0x10u)
#define GPIOA_CTL1 GPIO_CTL(0u, 8u)
#define GPIOA_BOP GPIO_BOP(0u)
#define PIN_AT(pin) (4u * ((pin) % 8u))
#define PIN_FUNCTION 0xBu /* alternate function, push-pull, 50 MHz */
#define PIN_PULLED 0x8u   /* input; BOP says to which side */
#define PIN_OUTPUT 0x3u   /* push-pull, 50 MHz */

/* 'Status register (USART_STAT)' to 'Control register 0 (USART_CTL0)' */
#define USART0_STAT REG32(0x40013800u)
#define USART0_DATA REG32(0x40013804u)
#define USART0_BAUD REG32(0x40013808u)
#define USART0_CTL0 REG32(0x4001380Cu)
#define STAT_OVERRUN (1u << 3)     /* ORERR */
#define STAT_RECEIVED (1u << 5)    /* RBNE */
#define STAT_SEND_EMPTY (1u << 7)  /* TBE */
#define CTL0_RECEIVE (1u << 2)     /* REN */
#define CTL0_SEND (1u << 3)        /* TEN */
#define CTL0_RECEIVED_INTERRUPT (1u << 5)
#define CTL0_ENABLE (1u << 13)     /* UEN */

#define DBG_ID REG32(0xE0042000u)  /* 'ID code register (DBG_ID)' */

/* 'Reset source/clock register (RCU_RSTSCK)' */
#define RSTSCK_REMOVE_FLAGS (1u << 24)
#define RSTSCK_PIN (1u << 26)
#define RSTSCK_POWER (1u << 27)
#define RSTSCK_SOFTWARE (1u << 28)
#define RSTSCK_WATCHDOGS (3u << 29)
#define RSTSCK_LOW_POWER (1u << 31)

/* Bumblebee's own CSRs have no names in every assembler: mmisc_ctl 7d0h, mcountinhibit 320h */
#define MMISC_NMI_AT_MTVEC (1u << 9)
#define INHIBIT_CYCLE_AND_INSTRET 5u

static uint32_t reset_flags;

static void uart_start(uint32_t divisor)
{
    RCU_APB2EN |= APB2EN_PORT(0u) | APB2EN_USART0;
    USART0_BAUD = divisor;
    USART0_CTL0 = CTL0_ENABLE | CTL0_SEND | CTL0_RECEIVE | CTL0_RECEIVED_INTERRUPT;
    /* an unplugged cable must not read as a start bit */
    GPIOA_BOP = 1u << BOARD_UART_RX_PIN;
    /* after the USART, which holds the line up from then on */
    const uint32_t both = (15u << PIN_AT(BOARD_UART_TX_PIN)) | (15u << PIN_AT(BOARD_UART_RX_PIN));
    GPIOA_CTL1 = (GPIOA_CTL1 & ~both) | (PIN_FUNCTION << PIN_AT(BOARD_UART_TX_PIN)) |
                 (PIN_PULLED << PIN_AT(BOARD_UART_RX_PIN));
}

void family_init(void)
{
    reset_flags = RCU_RSTSCK;
    RCU_RSTSCK |= RSTSCK_REMOVE_FLAGS; /* or the next reset would show this one's too */
    CSR_SET(0x7d0, MMISC_NMI_AT_MTVEC);
    CSR_CLEAR(0x320, INHIBIT_CYCLE_AND_INSTRET);
    const char *const failed = clock_start();
    if (failed != 0) {
        uart_start(BAUD_DIVISOR(IRC8M_HZ));
        const struct fault_word words[] = {{"rcu_ctl", RCU_CTL}, {"rcu_cfg0", RCU_CFG0}};
        fault_report(failed, words, 2);
    }
    uart_start(BAUD_DIVISOR(BOARD_CLOCK_HZ)); /* APB2 is not divided */
}

void family_send(uint8_t byte)
{
    while ((USART0_STAT & STAT_SEND_EMPTY) == 0u) {
    }
    USART0_DATA = byte;
}

/* One byte per interrupt: the USART has no FIFO. */
void family_receive(void)
{
    const uint32_t status = USART0_STAT;
    if ((status & (STAT_RECEIVED | STAT_OVERRUN)) == 0u || !serial_has_room()) {
        return;
    }
    const uint8_t byte = (uint8_t)USART0_DATA; /* clears both, the status having been read */
    if ((status & STAT_RECEIVED) != 0u) {
        serial_put(byte);
    }
    if ((status & STAT_OVERRUN) != 0u) {
        serial_lost();
    }
}

void family_pin_start(uint32_t port, uint32_t number, bool high)
{
    RCU_APB2EN |= APB2EN_PORT(port);
    family_pin_write(port, number, high);
    GPIO_CTL(port, number) =
        (GPIO_CTL(port, number) & ~(15u << PIN_AT(number))) | (PIN_OUTPUT << PIN_AT(number));
}

void family_pin_write(uint32_t port, uint32_t number, bool high)
{
    GPIO_BOP(port) = 1u << (high ? number : number + 16u);
}

uint32_t board_chip_id(void)
{
    return DBG_ID;
}

/* Several flags are set at once: a power-on also shows the pin. */
enum board_reset board_reset_reason(void)
{
    if ((reset_flags & RSTSCK_LOW_POWER) != 0u) {
        return BOARD_RESET_LOW_POWER;
    }
    if ((reset_flags & RSTSCK_WATCHDOGS) != 0u) {
        return BOARD_RESET_WATCHDOG;
    }
    if ((reset_flags & RSTSCK_SOFTWARE) != 0u) {
        return BOARD_RESET_SOFTWARE;
    }
    if ((reset_flags & RSTSCK_POWER) != 0u) {
        return BOARD_RESET_POWER;
    }
    return (reset_flags & RSTSCK_PIN) != 0u ? BOARD_RESET_PIN : BOARD_RESET_UNKNOWN;
}
