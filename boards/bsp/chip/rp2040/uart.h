/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UART0 of the RP2040, a PL011, with its FIFOs of 32 bytes: at 921600 baud the core has 350 us to
 * fetch the interrupt's code from flash. RP2040 Datasheet, 'UART'.
 */
#ifndef MCUFORGE_UART_H
#define MCUFORGE_UART_H

#include <stdint.h>

#include "board_config.h"
#include "reg.h"
#include "resets.h"
#include "serial.h"

/* 'UART', 'List of Registers' */
#define UART_DR REG32(0x40034000u)
#define UART_FR REG32(0x40034018u)
#define UART_IBRD REG32(0x40034024u)
#define UART_FBRD REG32(0x40034028u)
#define UART_LCR_H REG32(0x4003402Cu)
#define UART_CR REG32(0x40034030u)
#define UART_IFLS REG32(0x40034034u)
#define UART_IMSC REG32(0x40034038u)
#define UART_RIS REG32(0x4003403Cu)
#define UART_ICR REG32(0x40034044u)

#define FR_RECEIVE_EMPTY (1u << 4) /* RXFE */
#define FR_SEND_FULL (1u << 5)     /* TXFF */
#define LCR_FIFOS (1u << 4)        /* FEN */
#define LCR_8_BITS (3u << 5)       /* WLEN */
#define CR_ENABLE (1u << 0)        /* UARTEN */
#define CR_SEND (1u << 8)          /* TXE */
#define CR_RECEIVE (1u << 9)       /* RXE */
#define IFLS_FROM_4_BYTES 0u       /* RXIFLSEL: an eighth of the FIFO */
#define IMSC_RECEIVED (1u << 4)    /* RXIM */
#define IMSC_TIMEOUT (1u << 6)     /* RTIM: fewer bytes, and none for 32 bits */
#define RIS_OVERRUN (1u << 10)     /* OERIS: a byte came while the FIFO was full */

/* 'User Bank' (of 'GPIO'), 'List of Registers'; 'Pads', 'List of Registers - User Bank' */
#define IO_CTRL(pin) REG32(0x40014004u + 8u * (pin))
#define PAD(pin) REG32(0x4001C004u + 4u * (pin))
#define PAD_SCHMITT (1u << 1)
#define PAD_PULL_UP (1u << 3)
#define PAD_4_MA (1u << 4)
#define PAD_INPUT (1u << 6)

/*
 * 'Fractional Baud Rate Generator': the divisor of 16 times the baud rate counts in units of 1/64,
 * so it is 4 times the clock / baud. It is 1 at least.
 */
#define UART_UNIT_HZ(clock_hz) (4u * (clock_hz))
#define UART_LEAST_DIVISOR 64u

static inline void uart_start(uint32_t divisor)
{
    const uint32_t units = divisor < UART_LEAST_DIVISOR ? UART_LEAST_DIVISOR : divisor;
    UART_IBRD = units / 64u;
    UART_FBRD = units % 64u;
    UART_LCR_H = LCR_8_BITS | LCR_FIFOS; /* after the divisors, which take effect with it */
    UART_IFLS = IFLS_FROM_4_BYTES;
    UART_IMSC = IMSC_RECEIVED | IMSC_TIMEOUT;
    UART_CR = CR_ENABLE | CR_SEND | CR_RECEIVE;
    PAD(BOARD_UART_TX_PIN) = PAD_4_MA | PAD_INPUT | PAD_SCHMITT;
    /* an unplugged cable must not read as a start bit */
    PAD(BOARD_UART_RX_PIN) = PAD_4_MA | PAD_INPUT | PAD_SCHMITT | PAD_PULL_UP;
    /* after the UART, which holds the line up from then on */
    IO_CTRL(BOARD_UART_TX_PIN) = BOARD_UART_ALTERNATE;
    IO_CTRL(BOARD_UART_RX_PIN) = BOARD_UART_ALTERNATE;
}

static inline void uart_send(uint8_t byte)
{
    while ((UART_FR & FR_SEND_FULL) != 0u) { /* without flow control it drains */
    }
    UART_DR = byte;
}

/* Reading the bytes ends the interrupt; a byte is only lost while the FIFO holds others. */
static inline void uart_receive(void)
{
    if ((UART_RIS & RIS_OVERRUN) != 0u) {
        UART_ICR = RIS_OVERRUN;
        serial_lost();
    }
    while ((UART_FR & FR_RECEIVE_EMPTY) == 0u && serial_has_room()) {
        serial_put((uint8_t)UART_DR);
    }
}

#endif
