/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A board of FPGA, CMSDK timer 0 and CMSDK UART0 (DDI 0479, sections 4.2 and 4.3): the clock is the
 * timer, widened by the FPGA's 100 Hz counter. chip.h says where they are.
 *
 * Included by the one source file of a chip: it defines that chip's functions.
 */
#ifndef MCUFORGE_CMSDK_FPGA_H
#define MCUFORGE_CMSDK_FPGA_H

#include "board.h"
#include "board_config.h"
#include "chip.h"
#include "cmsdk_uart.h"
#include "family.h"
#include "mpu.h"
#include "reg.h"
#include "widen.h"

#define TIMER0_CTRL REG32(CHIP_TIMER0)
#define TIMER0_VALUE REG32(CHIP_TIMER0 + 0x04u)
#define TIMER0_RELOAD REG32(CHIP_TIMER0 + 0x08u)
#define CLK100HZ REG32(CHIP_FPGAIO + 0x14u)

#define TIMER_ENABLE (1u << 0)

#define TICKS_PER_100HZ (BOARD_TICK_HZ / 100u)

void family_init(void)
{
    mpu_restrict(1, CHIP_CODE_RAM, CHIP_CODE_RAM_LOG2, MPU_READ); /* as the flash it stands for */

    TIMER0_RELOAD = UINT32_MAX;
    TIMER0_VALUE = UINT32_MAX;
    TIMER0_CTRL = TIMER_ENABLE;
    CLK100HZ = 0; /* after the timer, as widen() wants */

    cmsdk_uart_start(CHIP_UART0, BOARD_CLOCK_HZ, BOARD_BAUD);
}

void family_send(uint8_t byte)
{
    cmsdk_uart_send(CHIP_UART0, byte);
}

void family_receive(void)
{
    cmsdk_uart_receive(CHIP_UART0);
}

uint64_t board_ticks(void)
{
    const uint64_t coarse = (uint64_t)CLK100HZ * TICKS_PER_100HZ;
    return widen(coarse, UINT32_MAX - TIMER0_VALUE); /* it counts down */
}

#endif
