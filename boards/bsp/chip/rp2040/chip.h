/* SPDX-License-Identifier: Apache-2.0 */
/* RP2040 Datasheet, 'Interrupts' (of 'Processor subsystem'): 26 lines are wired, the NVIC has 32. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_IS_ARMV6M 1 /* a Cortex-M0+: only HardFault, and registers that take words alone */
#define CHIP_INTERRUPTS 32
#define CHIP_UART_INTERRUPT 20 /* UART0_IRQ */

#endif
