/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2 with the AN386 or AN500 image: Cortex-M System Design Kit peripherals. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_INTERRUPTS 32
#define CHIP_UART_INTERRUPT 0 /* UART0 receive */

#endif
