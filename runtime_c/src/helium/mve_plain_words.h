/* SPDX-License-Identifier: Apache-2.0 */
/* The plain C of mve.h for lanes of 32 bits. Only mve.h includes it. */
#ifndef MCUFORGE_MVE_PLAIN_WORDS_H
#define MCUFORGE_MVE_PLAIN_WORDS_H

/* Lanes of 32 bits. */

static inline int32x4_t vdupq_n_s32(int32_t x)
{
    const int32x4_t same = {{x, x, x, x}};
    return same;
}

static inline int32x4_t vaddq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = (int32_t)((uint32_t)a.lane[i] + (uint32_t)b.lane[i]);
    }
    return a;
}

static inline int32x4_t vaddq_n_s32(int32x4_t a, int32_t b)
{
    return vaddq_s32(a, vdupq_n_s32(b));
}

/* sum + a * b, wrapping. */
static inline int32x4_t vmlaq_n_s32(int32x4_t sum, int32x4_t a, int32_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        const uint32_t product = (uint32_t)a.lane[i] * (uint32_t)b;
        sum.lane[i] = (int32_t)((uint32_t)sum.lane[i] + product);
    }
    return sum;
}

static inline int32x4_t vandq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] &= b.lane[i];
    }
    return a;
}

static inline int32x4_t veorq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] ^= b.lane[i];
    }
    return a;
}

static inline int32x4_t vmaxq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

static inline int32x4_t vminq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

static inline int32x4_t vshrq_n_s32(int32x4_t a, int32_t shift)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = (int32_t)((int64_t)a.lane[i] >> shift);
    }
    return a;
}

/* Shifts right by -shift, halves upwards. Kernels never shift to the left. */
static inline int32x4_t vrshlq_s32(int32x4_t a, int32x4_t shift)
{
    for (int32_t i = 0; i < 4; i++) {
        const int32_t right = -shift.lane[i];
        const int64_t half = right > 0 ? INT64_C(1) << (right - 1) : 0;
        a.lane[i] = (int32_t)((a.lane[i] + half) >> right);
    }
    return a;
}

/* Shifts left and drops what does not fit. Kernels never shift to the right. */
static inline int32x4_t vshlq_s32(int32x4_t a, int32x4_t shift)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = (int32_t)((uint32_t)a.lane[i] << shift.lane[i]);
    }
    return a;
}

/* The high word of 2 * a * b, halves upwards. */
static inline int32x4_t vqrdmulhq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        const int64_t product = (int64_t)a.lane[i] * b.lane[i] + (INT64_C(1) << 30);
        a.lane[i] = mcuforge_mve_saturate(product >> 31, INT32_MIN, INT32_MAX);
    }
    return a;
}

/* The same operations with one value for all lanes. */

static inline int32x4_t vqrdmulhq_n_s32(int32x4_t a, int32_t b)
{
    return vqrdmulhq_s32(a, vdupq_n_s32(b));
}

static inline int32x4_t vrshlq_n_s32(int32x4_t a, int32_t shift)
{
    return vrshlq_s32(a, vdupq_n_s32(shift));
}

static inline int32x4_t vshlq_r_s32(int32x4_t a, int32_t shift)
{
    return vshlq_s32(a, vdupq_n_s32(shift));
}

static inline int32x4_t vmulq_n_s32(int32x4_t a, int32_t b)
{
    return vmlaq_n_s32(vdupq_n_s32(0), a, b);
}

static inline int32x4_t vmulq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = (int32_t)((uint32_t)a.lane[i] * (uint32_t)b.lane[i]);
    }
    return a;
}

static inline int32x4_t vsubq_s32(int32x4_t a, int32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = (int32_t)((uint32_t)a.lane[i] - (uint32_t)b.lane[i]);
    }
    return a;
}

/* The lanes of p where a < b. */
static inline mve_pred16_t vcmpltq_m_n_s32(int32x4_t a, int32_t b, mve_pred16_t p)
{
    uint32_t less = 0;
    for (int32_t i = 0; i < 4; i++) {
        less |= a.lane[i] < b ? 0xfU << (4 * i) : 0U;
    }
    return (mve_pred16_t)(less & p);
}

static inline mve_pred16_t vcmpltq_n_s32(int32x4_t a, int32_t b)
{
    return vcmpltq_m_n_s32(a, b, 0xffff);
}

/* Unsigned lanes of 32 bits. */

static inline uint32x4_t vreinterpretq_u32_s32(int32x4_t x)
{
    uint32x4_t same;
    memcpy(&same, &x, sizeof same);
    return same;
}

static inline uint32x4_t vdupq_n_u32(uint32_t x)
{
    const uint32x4_t same = {{x, x, x, x}};
    return same;
}

static inline uint32x4_t vldrwq_gather_shifted_offset_z_u32(const uint32_t *from, uint32x4_t at,
                                                            mve_pred16_t p)
{
    for (int32_t i = 0; i < 4; i++) {
        at.lane[i] = ((uint32_t)p >> (4 * i) & 1U) != 0U ? from[at.lane[i]] : 0U;
    }
    return at;
}

/* Shifts right by -shift, halves upwards. Kernels never shift to the left. */
static inline uint32x4_t vrshlq_n_u32(uint32x4_t a, int32_t shift)
{
    for (int32_t i = 0; i < 4; i++) {
        const uint64_t half = (UINT64_C(1) << -shift) >> 1;
        a.lane[i] = (uint32_t)((a.lane[i] + half) >> -shift);
    }
    return a;
}

static inline uint32x4_t vrshrq_n_u32(uint32x4_t a, int32_t shift)
{
    return vrshlq_n_u32(a, -shift);
}

static inline uint32x4_t vshrq_n_u32(uint32x4_t a, int32_t shift)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] >>= shift;
    }
    return a;
}

/* The high word of a * b, halves upwards. */
static inline uint32x4_t vrmulhq_u32(uint32x4_t a, uint32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        const uint64_t product = (uint64_t)a.lane[i] * b.lane[i];
        a.lane[i] = (uint32_t)(product >> 32) + ((uint32_t)product >> 31);
    }
    return a;
}

static inline uint32x4_t vminq_u32(uint32x4_t a, uint32x4_t b)
{
    for (int32_t i = 0; i < 4; i++) {
        a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}

static inline int32x4_t vreinterpretq_s32_u32(uint32x4_t x)
{
    int32x4_t same;
    memcpy(&same, &x, sizeof same);
    return same;
}

/* sum + all lanes, wrapping. */
static inline uint32_t vaddvaq_u32(uint32_t sum, uint32x4_t a)
{
    return sum + a.lane[0] + a.lane[1] + a.lane[2] + a.lane[3];
}

/* sum + the products of all lanes, wrapping. */
static inline int32_t vmladavaq_s8(int32_t sum, int8x16_t a, int8x16_t b)
{
    for (int32_t i = 0; i < 16; i++) {
        sum = (int32_t)((uint32_t)sum + (uint32_t)(a.lane[i] * b.lane[i]));
    }
    return sum;
}

/* sum + all lanes. */
static inline int32_t vaddvaq_s8(int32_t sum, int8x16_t a)
{
    for (int32_t i = 0; i < 16; i++) {
        sum += a.lane[i];
    }
    return sum;
}

#endif
