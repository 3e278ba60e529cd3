/* SPDX-License-Identifier: Apache-2.0 */
/* GD32VF103 User Manual, 'Interrupt vector table' and 'Memory map'. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_ECLIC 0xD2000000u
#define CHIP_TRAP_MODE 3             /* Bumblebee Core Architecture Manual, 'mtvec': ECLIC mode */
#define CHIP_UART_INTERRUPT 56u      /* USART0 */
#define CHIP_STACK_GUARD_BYTES 2032u /* reserved, between the option bytes and the RAM */

#endif
