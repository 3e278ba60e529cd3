/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS3 with the AN547 image: an SSE-300 subsystem, its core in Secure state throughout. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_INTERRUPTS 128
#define CHIP_UART_INTERRUPT 33 /* UART0 receive */

#endif
