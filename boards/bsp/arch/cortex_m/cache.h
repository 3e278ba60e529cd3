/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caches of a Cortex-M7: ARMv7-M Architecture Reference Manual (DDI 0403), 'Cache and branch
 * predictor maintenance operations'; PM0253, 'Initializing and enabling the L1-cache'. Both hold
 * anything after a reset, so they are invalidated before they are switched on.
 */
#ifndef MCUFORGE_CACHE_H
#define MCUFORGE_CACHE_H

#include <stdint.h>

#include "board.h"
#include "reg.h"

#define CACHE_CCR REG32(0xE000ED14u)    /* 'Configuration and Control Register' */
#define CACHE_CCSIDR REG32(0xE000ED80u) /* 'Cache Size ID Register', of what CSSELR selects */
#define CACHE_CSSELR REG32(0xE000ED84u) /* 'Cache Size Selection Register' */
#define CACHE_ICIALLU REG32(0xE000EF50u) /* 'Instruction cache invalidate all to PoU' */
#define CACHE_DCISW REG32(0xE000EF60u)   /* 'Data cache invalidate by set/way' */

#define CACHE_CCR_DATA (1u << 16)
#define CACHE_CCR_INSTRUCTION (1u << 17)
#define CACHE_LEVEL_1_DATA 0u
#define CACHE_LAST_WAY(ccsidr) ((ccsidr) >> 3 & 0x3FFu)
#define CACHE_LAST_SET(ccsidr) ((ccsidr) >> 13 & 0x7FFFu)
#define CACHE_WAY_AT 30u /* of four ways */
#define CACHE_SET_AT 5u  /* of lines of 32 bytes */

static inline void cache_barrier(void)
{
    __asm volatile("dsb\n isb" ::: "memory");
}

static inline void cache_start(void)
{
    cache_barrier();
    CACHE_ICIALLU = 0;
    cache_barrier();
    CACHE_CCR |= CACHE_CCR_INSTRUCTION;
    cache_barrier();

    CACHE_CSSELR = CACHE_LEVEL_1_DATA;
    cache_barrier();
    const uint32_t size = CACHE_CCSIDR;
    for (uint32_t set = 0; set <= CACHE_LAST_SET(size); set++) {
        for (uint32_t way = 0; way <= CACHE_LAST_WAY(size); way++) {
            CACHE_DCISW = (way << CACHE_WAY_AT) | (set << CACHE_SET_AT);
        }
    }
    cache_barrier();
    CACHE_CCR |= CACHE_CCR_DATA;
    cache_barrier();
}

/* Those that are on, in bits of struct board_core. */
static inline uint32_t caches_on(void)
{
    const uint32_t on = CACHE_CCR;
    return ((on & CACHE_CCR_INSTRUCTION) != 0u ? BOARD_CACHE_INSTRUCTION : 0u) |
           ((on & CACHE_CCR_DATA) != 0u ? BOARD_CACHE_DATA : 0u);
}

#endif
