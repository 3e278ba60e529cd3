/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UART0 and timer 0 of the Cortex-M System Design Kit (DDI 0479, sections 4.2 and 4.3), and the
 * FPGA's 100 Hz counter (DAI 0386, "FPGA system control and I/O").
 */
#include "board.h"
#include "board_config.h"
#include "family.h"
#include "mpu.h"
#include "reg.h"
#include "serial.h"
#include "widen.h"

#define TIMER0_CTRL REG32(0x40000000u)
#define TIMER0_VALUE REG32(0x40000004u)
#define TIMER0_RELOAD REG32(0x40000008u)
#define UART0_DATA REG32(0x40004000u)
#define UART0_STATE REG32(0x40004004u)
#define UART0_CTRL REG32(0x40004008u)
#define UART0_INTCLEAR REG32(0x4000400Cu)
#define UART0_BAUDDIV REG32(0x40004010u)
#define FPGAIO_CLK100HZ REG32(0x40028014u)

#define STATE_TX_FULL (1u << 0)
#define STATE_RX_FULL (1u << 1)
#define STATE_RX_OVERRUN (1u << 3)
#define CTRL_TX_ENABLE (1u << 0)
#define CTRL_RX_ENABLE (1u << 1)
#define CTRL_RX_INTERRUPT (1u << 3)
#define INT_RX (1u << 1)
#define TIMER_ENABLE (1u << 0)

#define CODE_RAM_ORIGIN 0x00000000u
#define CODE_RAM_LOG2 22u

#define TICKS_PER_100HZ (BOARD_TICK_HZ / 100u)

void family_init(void)
{
    mpu_restrict(1, CODE_RAM_ORIGIN, CODE_RAM_LOG2, MPU_READ); /* as the flash it stands for */

    TIMER0_RELOAD = UINT32_MAX;
    TIMER0_VALUE = UINT32_MAX;
    TIMER0_CTRL = TIMER_ENABLE;
    FPGAIO_CLK100HZ = 0; /* after the timer, as widen() wants */

    UART0_BAUDDIV = BOARD_CLOCK_HZ / BOARD_BAUD;
    UART0_CTRL = CTRL_TX_ENABLE | CTRL_RX_ENABLE | CTRL_RX_INTERRUPT;
}

void family_send(uint8_t byte)
{
    while ((UART0_STATE & STATE_TX_FULL) != 0u) {
    }
    UART0_DATA = byte;
}

/* One byte an interrupt: there is no FIFO, and each register read costs an emulator dear. */
void family_receive(void)
{
    const uint32_t state = UART0_STATE;
    if ((state & STATE_RX_OVERRUN) != 0u) {
        UART0_STATE = STATE_RX_OVERRUN;
        serial_lost();
    }
    if ((state & STATE_RX_FULL) != 0u && serial_has_room()) {
        UART0_INTCLEAR = INT_RX; /* before the read: the byte that comes next raises it again */
        serial_put((uint8_t)UART0_DATA);
    }
}

uint64_t board_ticks(void)
{
    const uint64_t coarse = (uint64_t)FPGAIO_CLK100HZ * TICKS_PER_100HZ;
    return widen(coarse, UINT32_MAX - TIMER0_VALUE); /* it counts down */
}
