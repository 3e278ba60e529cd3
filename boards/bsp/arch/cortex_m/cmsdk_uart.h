/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of Arm's FPGA images: Cortex-M System Design Kit (DDI 0479, section 4.3). */
#ifndef MCUFORGE_CMSDK_UART_H
#define MCUFORGE_CMSDK_UART_H

#include <stdint.h>

#include "reg.h"
#include "serial.h"

#define CMSDK_UART_DATA(base) REG32((base) + 0x00u)
#define CMSDK_UART_STATE(base) REG32((base) + 0x04u)
#define CMSDK_UART_CTRL(base) REG32((base) + 0x08u)
#define CMSDK_UART_INTCLEAR(base) REG32((base) + 0x0Cu)
#define CMSDK_UART_BAUDDIV(base) REG32((base) + 0x10u)

#define CMSDK_UART_TX_FULL (1u << 0)
#define CMSDK_UART_RX_FULL (1u << 1)
#define CMSDK_UART_RX_OVERRUN (1u << 3)
#define CMSDK_UART_TX_ENABLE (1u << 0)
#define CMSDK_UART_RX_ENABLE (1u << 1)
#define CMSDK_UART_RX_INTERRUPT (1u << 3)
#define CMSDK_UART_INT_RX (1u << 1)

static inline void cmsdk_uart_start(uintptr_t base, uint32_t clock_hz, uint32_t baud)
{
    CMSDK_UART_BAUDDIV(base) = clock_hz / baud;
    CMSDK_UART_CTRL(base) = CMSDK_UART_TX_ENABLE | CMSDK_UART_RX_ENABLE | CMSDK_UART_RX_INTERRUPT;
}

static inline void cmsdk_uart_send(uintptr_t base, uint8_t byte)
{
    while ((CMSDK_UART_STATE(base) & CMSDK_UART_TX_FULL) != 0u) {
    }
    CMSDK_UART_DATA(base) = byte;
}

/* One byte per interrupt: the UART has no FIFO, and each register read is slow in an emulator. */
static inline void cmsdk_uart_receive(uintptr_t base)
{
    const uint32_t state = CMSDK_UART_STATE(base);
    if ((state & CMSDK_UART_RX_OVERRUN) != 0u) {
        CMSDK_UART_STATE(base) = CMSDK_UART_RX_OVERRUN;
        serial_lost();
    }
    if ((state & CMSDK_UART_RX_FULL) != 0u && serial_has_room()) {
        /* before the read: the byte that comes next raises it again */
        CMSDK_UART_INTCLEAR(base) = CMSDK_UART_INT_RX;
        serial_put((uint8_t)CMSDK_UART_DATA(base));
    }
}

#endif
