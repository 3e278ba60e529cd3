/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive FE310-G002 on its 16 MHz crystal: UART0 on GPIO 16 and 17. FE310-G002 Manual, sections
 * "Power, Reset, Clock, Interrupt (PRCI)", "GPIO" and "UART".
 */
#include "board.h"
#include "board_config.h"
#include "family.h"
#include "reg.h"
#include "serial.h"

#define PRCI_HFXOSCCFG REG32(0x10008004u)
#define PRCI_PLLCFG REG32(0x10008008u)
#define GPIO_IOF_EN REG32(0x10012038u)
#define GPIO_IOF_SEL REG32(0x1001203Cu)
#define UART0_TXDATA REG32(0x10013000u)
#define UART0_RXDATA REG32(0x10013004u)
#define UART0_TXCTRL REG32(0x10013008u)
#define UART0_RXCTRL REG32(0x1001300Cu)
#define UART0_IE REG32(0x10013010u)
#define UART0_DIV REG32(0x10013018u)

#define HFXOSC_ENABLE (1u << 30)
#define HFXOSC_READY (1u << 31)
#define PLL_SELECT (1u << 16)
#define PLL_REFERENCE_CRYSTAL (1u << 17)
#define PLL_BYPASS (1u << 18)
#define PINS_16_17 (3u << 16)
#define UART_ENABLE (1u << 0)
#define UART_TX_FULL (1u << 31)
#define UART_RX_EMPTY (1u << 31)
#define UART_RX_WATERMARK (1u << 1)

void family_init(void)
{
    PRCI_HFXOSCCFG = HFXOSC_ENABLE;
    while ((PRCI_HFXOSCCFG & HFXOSC_READY) == 0u) {
    }
    /* first the reference and the bypass, then the switch: the clock never runs through a PLL
     * that is not set up */
    PRCI_PLLCFG = PLL_REFERENCE_CRYSTAL | PLL_BYPASS;
    PRCI_PLLCFG = PLL_REFERENCE_CRYSTAL | PLL_BYPASS | PLL_SELECT;

    GPIO_IOF_SEL &= ~PINS_16_17;
    GPIO_IOF_EN |= PINS_16_17;

    UART0_DIV = BOARD_CLOCK_HZ / BOARD_BAUD - 1u;
    UART0_TXCTRL = UART_ENABLE;
    UART0_RXCTRL = UART_ENABLE; /* watermark 0: an interrupt from the first byte on */
    UART0_IE = UART_RX_WATERMARK;
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
