/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrinsics of the M-profile Vector Extension, "Helium" (DDI 0553, C2.4). On a core that has it,
 * they are the compiler's own. Hosts that test the kernels get plain C with the same names and the
 * same meaning, lane by lane.
 */
#ifndef MCUFORGE_MVE_H
#define MCUFORGE_MVE_H

#include <stdint.h>
#include <string.h>

/* Only GCC can spare the registers for the assembly of kernels, and only if it optimizes. */
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1) && defined(__OPTIMIZE__) && \
    !defined(__clang__)
#define MCUFORGE_HAS_MVE 1
#include <arm_mve.h>
#else
#define MCUFORGE_HAS_MVE 0

typedef struct {
    int8_t lane[16];
} int8x16_t;

typedef struct {
    int16_t lane[8];
} int16x8_t;

typedef struct {
    int32_t lane[4];
} int32x4_t;

typedef struct {
    uint32_t lane[4];
} uint32x4_t;

typedef uint16_t mve_pred16_t; /* one bit per byte of a vector */

static inline int32_t mcuforge_mve_saturate(int64_t x, int32_t low, int32_t high)
{
    return (int32_t)(x < low ? low : (x > high ? high : x));
}

static inline int16x8_t vreinterpretq_s16_s32(int32x4_t x)
{
    int16x8_t same;
    memcpy(&same, &x, sizeof same);
    return same;
}

static inline int8x16_t vreinterpretq_s8_s16(int16x8_t x)
{
    int8x16_t same;
    memcpy(&same, &x, sizeof same);
    return same;
}

/* Predicates: the first n lanes, of 8 or 32 bits. */

static inline mve_pred16_t vctp8q(uint32_t n)
{
    return (mve_pred16_t)(n >= 16U ? 0xffffU : (1U << n) - 1U);
}

static inline mve_pred16_t vctp32q(uint32_t n)
{
    return (mve_pred16_t)(n >= 4U ? 0xffffU : (1U << (4U * n)) - 1U);
}

/* Loads and stores. Lanes outside the predicate are zero, or are not written. */

static inline int8x16_t vldrbq_z_s8(const int8_t *from, mve_pred16_t p)
{
    int8x16_t x;
    for (int32_t i = 0; i < 16; i++) {
        x.lane[i] = ((uint32_t)p >> i & 1U) != 0U ? from[i] : (int8_t)0;
    }
    return x;
}

static inline int8x16_t vldrbq_s8(const int8_t *from)
{
    return vldrbq_z_s8(from, 0xffff);
}

/* Four bytes, one per lane. */
static inline int32x4_t vldrbq_z_s32(const int8_t *from, mve_pred16_t p)
{
    int32x4_t x;
    for (int32_t i = 0; i < 4; i++) {
        x.lane[i] = ((uint32_t)p >> (4 * i) & 1U) != 0U ? from[i] : 0;
    }
    return x;
}

static inline int32x4_t vldrbq_s32(const int8_t *from)
{
    return vldrbq_z_s32(from, 0xffff);
}

/* Four int16, one per lane. */
static inline int32x4_t vldrhq_s32(const int16_t *from)
{
    const int32x4_t x = {{from[0], from[1], from[2], from[3]}};
    return x;
}

static inline int32x4_t vldrwq_s32(const int32_t *from)
{
    const int32x4_t x = {{from[0], from[1], from[2], from[3]}};
    return x;
}

static inline void vstrbq_p_s8(int8_t *to, int8x16_t x, mve_pred16_t p)
{
    for (int32_t i = 0; i < 16; i++) {
        if (((uint32_t)p >> i & 1U) != 0U) {
            to[i] = x.lane[i];
        }
    }
}

static inline void vstrbq_s8(int8_t *to, int8x16_t x)
{
    vstrbq_p_s8(to, x, 0xffff);
}

/* Stores the low byte of each lane. */
static inline void vstrbq_p_s32(int8_t *to, int32x4_t x, mve_pred16_t p)
{
    for (int32_t i = 0; i < 4; i++) {
        if (((uint32_t)p >> (4 * i) & 1U) != 0U) {
            to[i] = (int8_t)(uint8_t)((uint32_t)x.lane[i] & 0xffU);
        }
    }
}

static inline void vstrbq_s32(int8_t *to, int32x4_t x)
{
    vstrbq_p_s32(to, x, 0xffff);
}

#include "mve_plain_words.h"

/* Lanes of 16 bits. Even lanes are the bottom of a pair, odd lanes the top. */

static inline int16x8_t vmullbq_int_s8(int8x16_t a, int8x16_t b)
{
    int16x8_t x;
    for (int32_t i = 0; i < 8; i++) {
        x.lane[i] = (int16_t)(a.lane[2 * i] * b.lane[2 * i]);
    }
    return x;
}

static inline int16x8_t vmulltq_int_s8(int8x16_t a, int8x16_t b)
{
    int16x8_t x;
    for (int32_t i = 0; i < 8; i++) {
        x.lane[i] = (int16_t)(a.lane[2 * i + 1] * b.lane[2 * i + 1]);
    }
    return x;
}

static inline int16x8_t vaddq_s16(int16x8_t a, int16x8_t b)
{
    for (int32_t i = 0; i < 8; i++) {
        a.lane[i] = (int16_t)(uint16_t)((uint32_t)(a.lane[i] + b.lane[i]) & 0xffffU);
    }
    return a;
}

static inline int16x8_t vqaddq_n_s16(int16x8_t a, int16_t b)
{
    for (int32_t i = 0; i < 8; i++) {
        a.lane[i] = (int16_t)mcuforge_mve_saturate(a.lane[i] + b, INT16_MIN, INT16_MAX);
    }
    return a;
}

static inline int32x4_t vmovlbq_s16(int16x8_t a)
{
    const int32x4_t x = {{a.lane[0], a.lane[2], a.lane[4], a.lane[6]}};
    return x;
}

static inline int32x4_t vmovltq_s16(int16x8_t a)
{
    const int32x4_t x = {{a.lane[1], a.lane[3], a.lane[5], a.lane[7]}};
    return x;
}

static inline int16x8_t vqmovnbq_s32(int16x8_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[2 * i] = (int16_t)mcuforge_mve_saturate(b.lane[i], INT16_MIN, INT16_MAX);
    }
    return a;
}

static inline int16x8_t vqmovntq_s32(int16x8_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[2 * i + 1] = (int16_t)mcuforge_mve_saturate(b.lane[i], INT16_MIN, INT16_MAX);
    }
    return a;
}

/* Lanes of 8 bits. */

static inline int16x8_t vdupq_n_s16(int16_t x)
{
    const int16x8_t same = {{x, x, x, x, x, x, x, x}};
    return same;
}

static inline int8x16_t vdupq_n_s8(int8_t x)
{
    int8x16_t same;
    for (int32_t i = 0; i < 16; i++) {
        same.lane[i] = x;
    }
    return same;
}

static inline int8x16_t vqmovnbq_s16(int8x16_t a, int16x8_t b)
{
    for (int32_t i = 0; i < 8; i++) {
        a.lane[2 * i] = (int8_t)mcuforge_mve_saturate(b.lane[i], INT8_MIN, INT8_MAX);
    }
    return a;
}

static inline int8x16_t vqmovntq_s16(int8x16_t a, int16x8_t b)
{
    for (int32_t i = 0; i < 8; i++) {
        a.lane[2 * i + 1] = (int8_t)mcuforge_mve_saturate(b.lane[i], INT8_MIN, INT8_MAX);
    }
    return a;
}

static inline int8x16_t vmaxq_s8(int8x16_t a, int8x16_t b)
{
    for (int32_t i = 0; i < 16; i++) {
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

static inline int8x16_t vminq_s8(int8x16_t a, int8x16_t b)
{
    for (int32_t i = 0; i < 16; i++) {
        a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

#endif

#endif
