/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USART of later STM32 families (F7, L4, H7), which has ISR, ICR, RDR and TDR: RM0385, RM0432
 * and RM0433, 'USART registers'. The LPUART of an L4 has the same ones: RM0432, 'LPUART registers'.
 * `base` is the address of its first register.
 */
#ifndef MCUFORGE_STM32_USART_V2_H
#define MCUFORGE_STM32_USART_V2_H

#include <stdint.h>

#include "reg.h"
#include "serial.h"

/* 'Control register 1 (USART_CR1)' to 'Transmit data register (USART_TDR)' */
#define USART_CR1(base) REG32((base) + 0x00u)
#define USART_BRR(base) REG32((base) + 0x0Cu)
#define USART_ISR(base) REG32((base) + 0x1Cu)
#define USART_ICR(base) REG32((base) + 0x20u)
#define USART_RDR(base) REG32((base) + 0x24u)
#define USART_TDR(base) REG32((base) + 0x28u)
#define USART_PRESC(base) REG32((base) + 0x2Cu) /* of those with a FIFO: 'prescaler register' */
#define USART_PRESC_4 2u

#define USART_CR1_ENABLE (1u << 0)
#define USART_CR1_RX_ENABLE (1u << 2)
#define USART_CR1_TX_ENABLE (1u << 3)
#define USART_CR1_RX_INTERRUPT (1u << 5)
#define USART_ISR_OVERRUN (1u << 3)
#define USART_ISR_RX_FULL (1u << 5)
#define USART_ISR_TX_EMPTY (1u << 7)
#define USART_ICR_OVERRUN (1u << 3)

/*
 * 8N1. USART, 16 samples per bit: 'USART baud rate generation', BRR is then clock / baud. LPUART:
 * 'LPUART baud rate generation', 256 clock / baud.
 */
static inline void stm32_usart_start(uintptr_t base, uint32_t divisor)
{
    USART_BRR(base) = divisor; /* while the UART is off */
    USART_CR1(base) =
        USART_CR1_ENABLE | USART_CR1_TX_ENABLE | USART_CR1_RX_ENABLE | USART_CR1_RX_INTERRUPT;
}

static inline void stm32_usart_send(uintptr_t base, uint8_t byte)
{
    while ((USART_ISR(base) & USART_ISR_TX_EMPTY) == 0u) {
    }
    USART_TDR(base) = byte;
}

/* One byte per interrupt: the UART has no FIFO. An overrun asks until ICR clears it. */
static inline void stm32_usart_receive(uintptr_t base)
{
    const uint32_t status = USART_ISR(base);
    if ((status & (USART_ISR_RX_FULL | USART_ISR_OVERRUN)) == 0u || !serial_has_room()) {
        return;
    }
    if ((status & USART_ISR_RX_FULL) != 0u) {
        serial_put((uint8_t)USART_RDR(base));
    }
    if ((status & USART_ISR_OVERRUN) != 0u) {
        USART_ICR(base) = USART_ICR_OVERRUN;
        serial_lost();
    }
}

#endif
