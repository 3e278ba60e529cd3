/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform-level interrupt controller: RISC-V PLIC Specification, chapters 3 to 9, context 0
 * being hart 0 in machine mode.
 */
#ifndef MCUFORGE_PLIC_H
#define MCUFORGE_PLIC_H

#include <stdbool.h>
#include <stdint.h>

#include "chip.h"
#include "csr.h"
#include "reg.h"

#define PLIC_PRIORITY(source) REG32(CHIP_PLIC + 4u * (source))
#define PLIC_ENABLE(source) REG32(CHIP_PLIC + 0x2000u + 4u * ((source) / 32u))
#define PLIC_THRESHOLD REG32(CHIP_PLIC + 0x200000u)
#define PLIC_CLAIM REG32(CHIP_PLIC + 0x200004u)

#define MCAUSE_EXTERNAL 0x8000000Bu /* RISC-V Instruction Set Manual, volume II, 'mcause' */
#define MIE_EXTERNAL (1u << 11)

static inline void controller_enable(uint32_t source)
{
    PLIC_PRIORITY(source) = 1u;
    PLIC_ENABLE(source) = 1u << (source % 32u);
    PLIC_THRESHOLD = 0u;
    CSR_SET(mie, MIE_EXTERNAL);
}

static inline void controller_disable(uint32_t source)
{
    (void)source;
    CSR_CLEAR(mie, MIE_EXTERNAL);
}

/* Whether an interrupt with that mcause comes from this controller. */
static inline bool controller_knows(uint32_t cause)
{
    return cause == MCAUSE_EXTERNAL;
}

/* Returns the source that asks; 0 if its request went away before it was claimed. */
static inline uint32_t controller_claim(uint32_t cause)
{
    (void)cause;
    return PLIC_CLAIM;
}

static inline void controller_complete(uint32_t source)
{
    PLIC_CLAIM = source;
}

#endif
