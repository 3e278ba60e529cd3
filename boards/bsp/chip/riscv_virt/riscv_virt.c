/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virt machine's 16550 UART (National Semiconductor PC16550D, section 8). Because the machine
 * has no flash, and its memory does not end below the stack, two regions of physical memory
 * protection guard both (RISC-V Instruction Set Manual, volume II, section 3.7).
 */
#include "board.h"
#include "chip.h"
#include "csr.h"
#include "family.h"
#include "reg.h"
#include "serial.h"

#define UART_DATA REG8(0x10000000u)
#define UART_IER REG8(0x10000001u)
#define UART_FCR REG8(0x10000002u)
#define UART_LCR REG8(0x10000003u)
#define UART_LSR REG8(0x10000005u)

#define IER_RX 0x01u
#define FCR_ENABLE_CLEAR 0x07u
#define LCR_8N1 0x03u
#define LSR_RX_READY 0x01u
#define LSR_OVERRUN 0x02u
#define LSR_TX_EMPTY 0x20u

#define FLASH_ORIGIN 0x80000000u
#define FLASH_BYTES 0x04000000u

/* pmpcfg: locked, so that it binds machine mode too; naturally aligned power of two */
#define PMP_NONE 0x98u
#define PMP_READ_EXECUTE 0x9Du

static uint32_t naturally_aligned(uint32_t origin, uint32_t bytes)
{
    return (origin >> 2) | ((bytes >> 3) - 1u);
}

void family_init(void)
{
    const uint32_t stack_low = (uint32_t)(uintptr_t)board_stack_low;
    CSR_WRITE(pmpaddr0, naturally_aligned(stack_low - CHIP_STACK_GUARD_BYTES,
                                          CHIP_STACK_GUARD_BYTES));
    CSR_WRITE(pmpaddr1, naturally_aligned(FLASH_ORIGIN, FLASH_BYTES));
    CSR_WRITE(pmpcfg0, PMP_NONE | (PMP_READ_EXECUTE << 8));

    UART_LCR = LCR_8N1;
    UART_FCR = FCR_ENABLE_CLEAR;
    UART_IER = IER_RX;
}

void family_send(uint8_t byte)
{
    while ((UART_LSR & LSR_TX_EMPTY) == 0u) {
    }
    UART_DATA = byte;
}

void family_receive(void)
{
    for (;;) {
        const uint8_t status = UART_LSR; /* reading it clears the overrun */
        if ((status & LSR_OVERRUN) != 0u) {
            serial_lost();
        }
        if ((status & LSR_RX_READY) == 0u || !serial_has_room()) {
            return;
        }
        serial_put(UART_DATA);
    }
}
