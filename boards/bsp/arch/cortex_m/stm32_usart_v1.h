/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USART of the first STM32 families (F1, F2, F4), which has SR and DR: RM0090 and RM0390,
 * 'USART registers'. `base` is the address of its first register.
 */
#ifndef MCUFORGE_STM32_USART_V1_H
#define MCUFORGE_STM32_USART_V1_H

#include <stdint.h>

#include "reg.h"
#include "serial.h"

/* 'Status register (USART_SR)' to 'Control register 1 (USART_CR1)' */
#define USART_SR(base) REG32((base) + 0x00u)
#define USART_DR(base) REG32((base) + 0x04u)
#define USART_BRR(base) REG32((base) + 0x08u)
#define USART_CR1(base) REG32((base) + 0x0Cu)

#define USART_SR_OVERRUN (1u << 3)
#define USART_SR_RX_FULL (1u << 5)
#define USART_SR_TX_EMPTY (1u << 7)
#define USART_CR1_RX_ENABLE (1u << 2)
#define USART_CR1_TX_ENABLE (1u << 3)
#define USART_CR1_RX_INTERRUPT (1u << 5)
#define USART_CR1_ENABLE (1u << 13)

/* 8N1, 16 samples per bit: 'Fractional baud rate generation', BRR is then clock / baud. */
static inline void stm32_usart_start(uintptr_t base, uint32_t divisor)
{
    USART_BRR(base) = divisor;
    USART_CR1(base) =
        USART_CR1_ENABLE | USART_CR1_TX_ENABLE | USART_CR1_RX_ENABLE | USART_CR1_RX_INTERRUPT;
}

static inline void stm32_usart_send(uintptr_t base, uint8_t byte)
{
    while ((USART_SR(base) & USART_SR_TX_EMPTY) == 0u) {
    }
    USART_DR(base) = byte;
}

/* One byte per interrupt: the UART has no FIFO, and each register read is slow in an emulator. */
static inline void stm32_usart_receive(uintptr_t base)
{
    const uint32_t status = USART_SR(base);
    if ((status & (USART_SR_RX_FULL | USART_SR_OVERRUN)) == 0u || !serial_has_room()) {
        return;
    }
    const uint8_t byte = (uint8_t)USART_DR(base); /* clears both, SR having been read */
    if ((status & USART_SR_RX_FULL) != 0u) {
        serial_put(byte);
    }
    if ((status & USART_SR_OVERRUN) != 0u) {
        serial_lost();
    }
}

#endif
