/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four filters over a vector with MVE, and how their sums are scaled.
 *
 * A packed group of four filters has their biases (4 words); for every 16 values of depth, 16
 * weights of each filter in turn; multipliers (4); shifts (4, negative to the right). The loops are
 * assembly, because the compiler keeps sums where the instructions cannot reach them. Lanes are set
 * one by one: QEMU 7.2 and GCC disagree on the order of the instruction that sets two.
 */
#ifndef MCUFORGE_MVE_SUMS_H
#define MCUFORGE_MVE_SUMS_H

#include <string.h>

#include "mve.h"

/* Copies n >= 0 bytes: 3 instructions for 16. */
static inline void mcuforge_mve_copy(int8_t *to, const int8_t *from, int32_t n)
{
#if MCUFORGE_HAS_MVE
    int8x16_t x;
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1: vldrb.8 %q[x], [%[from]], #16\n"
                     "vstrb.8 %q[x], [%[to]], #16\n"
                     "letp lr, 1b\n"
                     "2:"
                     : [x] "=&w"(x), [to] "+r"(to), [from] "+r"(from)
                     : [n] "r"(n)
                     : "lr", "memory");
#else
    memcpy(to, from, (size_t)n);
#endif
}

/* Fills n >= 0 bytes. */
static inline void mcuforge_mve_fill(int8_t *to, int32_t value, int32_t n)
{
#if MCUFORGE_HAS_MVE
    const int8x16_t x = vdupq_n_s8((int8_t)value);
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1: vstrb.8 %q[x], [%[to]], #16\n"
                     "letp lr, 1b\n"
                     "2:"
                     : [to] "+r"(to)
                     : [x] "w"(x), [n] "r"(n)
                     : "lr", "memory");
#else
    memset(to, value, (size_t)n);
#endif
}

#if !MCUFORGE_HAS_MVE
static inline int32x4_t mcuforge_mve_plain_sums(const int32_t *w, const int8_t *x, int32_t n)
{
    int32x4_t sums = vldrwq_s32(w);
    const int8_t *filters = (const int8_t *)(w + 4);
    for (int32_t at = 0; at < n; at += 16) {
        const int8x16_t values = vldrbq_z_s8(x + at, vctp8q((uint32_t)(n - at)));
        for (int32_t i = 0; i < 4; i++) {
            sums.lane[i] = vmladavaq_s8(sums.lane[i], values, vldrbq_s8(filters));
            filters += 16;
        }
    }
    return sums;
}
#endif

/*
 * Computes the sums of the four filters at `w` over n > 0 values of `x`. Reads no byte behind them.
 * Returns the group's multipliers. 10 instructions for 64 products.
 */
static inline const int32_t *mcuforge_mve_sums(const int32_t *w, const int8_t *x, int32_t n,
                                               int32x4_t *sums)
{
#if MCUFORGE_HAS_MVE
    int32x4_t values;
    int32x4_t filter;
    __asm__ volatile("ldrd r0, r2, [%[w]], #8\n"
                     "ldrd r4, r6, [%[w]], #8\n"
                     "wlstp.8 lr, %[n], 2f\n"
                     "1: vldrb.8 %q[x], [%[at]], #16\n"
                     "vldrb.8 %q[f], [%[w]], #16\n"
                     "vmladava.s8 r0, %q[x], %q[f]\n"
                     "vldrb.8 %q[f], [%[w]], #16\n"
                     "vmladava.s8 r2, %q[x], %q[f]\n"
                     "vldrb.8 %q[f], [%[w]], #16\n"
                     "vmladava.s8 r4, %q[x], %q[f]\n"
                     "vldrb.8 %q[f], [%[w]], #16\n"
                     "vmladava.s8 r6, %q[x], %q[f]\n"
                     "letp lr, 1b\n"
                     "2: vmov.32 %q[x][0], r0\n"
                     "vmov.32 %q[x][1], r2\n"
                     "vmov.32 %q[x][2], r4\n"
                     "vmov.32 %q[x][3], r6"
                     : [x] "=&w"(values), [f] "=&w"(filter), [w] "+r"(w), [at] "+r"(x)
                     : [n] "r"(n)
                     : "r0", "r2", "r4", "r6", "lr", "cc", "memory");
    *sums = values;
    return w;
#else
    *sums = mcuforge_mve_plain_sums(w, x, n);
    return w + 4 + (n + 15) / 16 * 16;
#endif
}

/*
 * mcuforge_requantize() in lanes: round(x * multiplier / 2^31), then round(that / 2^right), halves
 * away from zero. `shift` is -right. 5 instructions for 4 lanes.
 */
static inline int32x4_t mcuforge_mve_requantize(int32x4_t x, int32x4_t multiplier, int32x4_t shift)
{
    const int32x4_t scaled = vqrdmulhq_s32(x, multiplier);
    /* -1 if a negative value is shifted: rounding halves upwards then rounds them away from 0 */
    const int32x4_t below = vshrq_n_s32(vandq_s32(scaled, shift), 31);
    return vrshlq_s32(vaddq_s32(scaled, below), shift);
}

#endif
