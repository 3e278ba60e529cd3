/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enhanced core-local interrupt controller of Nuclei's Bumblebee core: Bumblebee Core
 * Architecture Manual, chapter "ECLIC". Interrupts are taken like exceptions, at mtvec, and by level.
 */
#ifndef MCUFORGE_ECLIC_H
#define MCUFORGE_ECLIC_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"
#include "reg.h"

#define ECLIC_CFG REG8(CHIP_ECLIC + 0x0000u)
#define ECLIC_MTH REG8(CHIP_ECLIC + 0x000Bu)
#define ECLIC_INT_IE(source) REG8(CHIP_ECLIC + 0x1001u + 4u * (source))
#define ECLIC_INT_ATTR(source) REG8(CHIP_ECLIC + 0x1002u + 4u * (source))
#define ECLIC_INT_CTL(source) REG8(CHIP_ECLIC + 0x1003u + 4u * (source))

#define CFG_FOUR_LEVEL_BITS (4u << 1) /* nlbits: all implemented bits of CTL are the level */
#define CTL_HIGHEST 0xFFu
#define ATTR_LEVEL_NOT_VECTORED 0u

#define MCAUSE_INTERRUPT (1u << 31)
#define MCAUSE_NUMBER 0xFFFu /* the bits between keep the state before the trap */

static inline void controller_enable(uint32_t source)
{
    ECLIC_CFG = CFG_FOUR_LEVEL_BITS;
    ECLIC_MTH = 0u;
    ECLIC_INT_ATTR(source) = ATTR_LEVEL_NOT_VECTORED;
    ECLIC_INT_CTL(source) = CTL_HIGHEST;
    ECLIC_INT_IE(source) = 1u;
}

static inline void controller_disable(uint32_t source)
{
    ECLIC_INT_IE(source) = 0u;
}

/* Whether an interrupt with that mcause is the one that is enabled. */
static inline bool controller_knows(uint32_t cause)
{
    return (cause & (MCAUSE_INTERRUPT | MCAUSE_NUMBER)) ==
           (MCAUSE_INTERRUPT | CHIP_UART_INTERRUPT);
}

static inline uint32_t controller_claim(uint32_t cause)
{
    return cause & MCAUSE_NUMBER;
}

/* By level: the UART lets its request go when its byte is read. */
static inline void controller_complete(uint32_t source)
{
    (void)source;
}

#endif
