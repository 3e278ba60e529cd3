/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2 with the AN386 or AN500 image: Cortex-M System Design Kit peripherals. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_INTERRUPTS 32
#define CHIP_UART_INTERRUPT 0 /* UART0 receive */

#define CHIP_TIMER0 0x40000000u
#define CHIP_FPGAIO 0x40028000u
#define CHIP_UART0 0x40004000u

#define CHIP_CODE_RAM 0x00000000u /* in flash's place */
#define CHIP_CODE_RAM_LOG2 22u

#endif
