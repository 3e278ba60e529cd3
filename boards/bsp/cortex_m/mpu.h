/* SPDX-License-Identifier: Apache-2.0 */
/* The memory protection unit (ARMv7-M Architecture Reference Manual, B3.5). */
#ifndef MCUFORGE_MPU_H
#define MCUFORGE_MPU_H

#include <stdint.h>

#include "reg.h"

#define MPU_CTRL REG32(0xE000ED94u)
#define MPU_RBAR REG32(0xE000ED9Cu)
#define MPU_RASR REG32(0xE000EDA0u)

#define MPU_ON_OVER_DEFAULT_MAP 5u /* ENABLE, PRIVDEFENA: other addresses stay as they are */
#define MPU_RBAR_VALID (1u << 4)

enum mpu_access {
    MPU_NONE = 1 << 28,  /* AP no access, XN */
    MPU_READ = 5 << 24   /* AP privileged read-only; may execute */
};

/* Restrict [origin, origin + 2^log2_bytes); origin is a multiple of that size. */
static inline void mpu_restrict(uint32_t region, uint32_t origin, uint32_t log2_bytes,
                                enum mpu_access access)
{
    MPU_RBAR = origin | MPU_RBAR_VALID | region;
    MPU_RASR = (uint32_t)access | ((log2_bytes - 1u) << 1) | 1u;
    MPU_CTRL = MPU_ON_OVER_DEFAULT_MAP;
    __asm volatile("dsb\n isb" ::: "memory");
}

#endif
