/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2+ with the AN505 image: an IoT Kit subsystem, its core in Secure state throughout. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_INTERRUPTS 128
#define CHIP_UART_INTERRUPT 32 /* UART0 receive */

#endif
