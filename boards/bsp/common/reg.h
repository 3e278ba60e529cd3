/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_REG_H
#define MCUFORGE_REG_H

#include <stdint.h>

/* The 32-bit (8-bit) device register at an address. */
#define REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REG8(address) (*(volatile uint8_t *)(uintptr_t)(address))

#endif
