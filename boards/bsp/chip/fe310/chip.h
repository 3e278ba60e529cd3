/* SPDX-License-Identifier: Apache-2.0 */
/* SiFive FE310-G002 Manual, sections "Memory Map" and "Interrupt Sources". */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_PLIC 0x0C000000u
#define CHIP_UART_INTERRUPT 3u          /* UART0 */
#define CHIP_STACK_GUARD_BYTES 65536u   /* nothing is mapped below the data RAM */

#endif
