/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UART0 of the FPGA (DAI 0547, "Memory map") and the SSE-300's system counter (DAI 0547; Arm
 * 101773, "System counter"): 64 bits, one tick per cycle of the subsystem's clock.
 *
 * After reset every peripheral and memory takes Secure accesses. The core makes Secure accesses at
 * both aliases of an address while its security attribution unit is off: no access must be enabled.
 */
#include "board.h"
#include "board_config.h"
#include "cmsdk_uart.h"
#include "family.h"
#include "mpu.h"
#include "reg.h"

#define UART0 0x49303000u
#define COUNTER_CNTCR REG32(0x58100000u)
#define COUNTER_LOW REG32(0x58100008u)
#define COUNTER_HIGH REG32(0x5810000Cu)

#define COUNTER_ENABLE (1u << 0)

#define UART_CLOCK_HZ 25000000u /* of the peripherals outside the subsystem */

#define ITCM_ORIGIN 0x00000000u
#define ITCM_LOG2 19u
#define CODE_SRAM_ORIGIN 0x01000000u
#define CODE_SRAM_LOG2 21u

void family_init(void)
{
    mpu_restrict(1, ITCM_ORIGIN, ITCM_LOG2, MPU_READ); /* as the flash they stand for */
    mpu_restrict(2, CODE_SRAM_ORIGIN, CODE_SRAM_LOG2, MPU_READ);

    COUNTER_CNTCR = COUNTER_ENABLE;
    cmsdk_uart_start(UART0, UART_CLOCK_HZ, BOARD_BAUD);
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
    for (;;) {
        const uint32_t high = COUNTER_HIGH;
        const uint32_t low = COUNTER_LOW;
        if (high == COUNTER_HIGH) { /* the low half has not passed its end meanwhile */
            return ((uint64_t)high << 32) | low;
        }
    }
}
