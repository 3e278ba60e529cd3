/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory protection unit (ARMv7-M Architecture Reference Manual, B3.5; from Armv8-M on its
 * regions have other registers: DDI 0553, B11 and D1.2.161 to D1.2.164).
 */
#ifndef MCUFORGE_MPU_H
#define MCUFORGE_MPU_H

#include <stdint.h>

#include "reg.h"

#define MPU_CTRL REG32(0xE000ED94u)
#define MPU_RNR REG32(0xE000ED98u)
#define MPU_RBAR REG32(0xE000ED9Cu)
#define MPU_RASR REG32(0xE000EDA0u) /* Armv7-M */
#define MPU_RLAR REG32(0xE000EDA0u) /* Armv8-M */
#define MPU_MAIR0 REG32(0xE000EDC0u)

#define MPU_ON_OVER_DEFAULT_MAP 5u /* ENABLE, PRIVDEFENA: other addresses stay as they are */
#define MPU_RBAR_VALID (1u << 4)
#define MPU_RBAR_READ_ONLY (2u << 1)
#define MPU_RBAR_NO_EXECUTE (1u << 0)
#define MPU_RLAR_ENABLE (1u << 0)
#define MPU_NORMAL_MEMORY 0x44u /* of attribute 0: not cached */

enum mpu_access {
    MPU_NONE = 1 << 28,  /* AP no access, XN */
    MPU_READ = 5 << 24,  /* AP privileged read-only; may execute */
    /* Armv7-M, for memories outside the chip: normal memory, TEX, C and B of B3.5.5; XN */
    MPU_CACHED_DATA = 1 << 28 | 3 << 24 | 1 << 19 | 1 << 17 | 1 << 16, /* write-back */
    MPU_CACHED_CONSTANTS = 1 << 28 | 5 << 24 | 1 << 17 /* read-only, write-through */
};

/*
 * Restrict [origin, origin + 2^log2_bytes); origin is a multiple of that size. Armv8-M has no
 * regions that cannot be read: MPU_NONE forbids writing and executing there.
 */
static inline void mpu_restrict(uint32_t region, uint32_t origin, uint32_t log2_bytes,
                                enum mpu_access access)
{
#if __ARM_ARCH >= 8
    MPU_MAIR0 = MPU_NORMAL_MEMORY;
    MPU_RNR = region;
    MPU_RBAR = origin | MPU_RBAR_READ_ONLY | (access == MPU_NONE ? MPU_RBAR_NO_EXECUTE : 0u);
    MPU_RLAR = (origin + ((1u << log2_bytes) - 32u)) | MPU_RLAR_ENABLE; /* the last 32 bytes */
#else
    MPU_RBAR = origin | MPU_RBAR_VALID | region;
    MPU_RASR = (uint32_t)access | ((log2_bytes - 1u) << 1) | 1u;
#endif
    MPU_CTRL = MPU_ON_OVER_DEFAULT_MAP;
    __asm volatile("dsb\n isb" ::: "memory");
}

#endif
