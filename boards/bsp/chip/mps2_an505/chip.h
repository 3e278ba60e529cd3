/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2+ with the AN505 image: an IoT Kit subsystem, its core in Secure state throughout. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_INTERRUPTS 128
#define CHIP_UART_INTERRUPT 32 /* UART0 receive */

#define CHIP_TIMER0 0x50000000u
#define CHIP_FPGAIO 0x50302000u
#define CHIP_UART0 0x50200000u

#define CHIP_CODE_RAM 0x10000000u /* in flash's place */
#define CHIP_CODE_RAM_LOG2 22u

#endif
