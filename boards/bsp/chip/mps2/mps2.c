/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UART0 and timer 0 of the Cortex-M System Design Kit (DDI 0479, sections 4.2 and 4.3), and the
 * FPGA's 100 Hz counter (DAI 0386, "FPGA system control and I/O").
 */
#include "board.h"
#include "board_config.h"
#include "cmsdk_uart.h"
#include "family.h"
#include "mpu.h"
#include "reg.h"
#include "widen.h"

#define TIMER0_CTRL REG32(0x40000000u)
#define TIMER0_VALUE REG32(0x40000004u)
#define TIMER0_RELOAD REG32(0x40000008u)
#define UART0 0x40004000u
#define FPGAIO_CLK100HZ REG32(0x40028014u)

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

    cmsdk_uart_start(UART0, BOARD_CLOCK_HZ, BOARD_BAUD);
}

void family_send(uint8_t byte)
{
    cmsdk_uart_send(UART0, byte);
}

void family_receive(void)
{
    cmsdk_uart_receive(UART0);
}

uint64_t board_ticks(void)
{
    const uint64_t coarse = (uint64_t)FPGAIO_CLK100HZ * TICKS_PER_100HZ;
    return widen(coarse, UINT32_MAX - TIMER0_VALUE); /* it counts down */
}
