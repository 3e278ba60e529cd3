/* SPDX-License-Identifier: Apache-2.0 */
/* STM32F405/407: RM0090, table "Vector table for STM32F405xx/07xx". */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_INTERRUPTS 82
#define CHIP_UART_INTERRUPT 37 /* USART1 */

#endif
