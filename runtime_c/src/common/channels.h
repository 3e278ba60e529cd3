/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums and maxima of taps, for four neighbouring channels at once or for one. The taps of a channel
 * are `stride` elements apart.
 *
 * Cores with the DSP extension take four at once. On others that would be too much code, also with
 * Helium, which has kernels of its own for most of these layers.
 */
#ifndef MCUFORGE_CHANNELS_H
#define MCUFORGE_CHANNELS_H

#include <stdint.h>

#include "dsp.h"
#include "noinline.h"

#ifndef MCUFORGE_FOUR_CHANNELS /* tests set it on hosts */
#ifdef __ARM_FEATURE_MVE
#define MCUFORGE_FOUR_CHANNELS 0
#else
#define MCUFORGE_FOUR_CHANNELS MCUFORGE_HAS_DSP
#endif
#endif

/* How many of `left` channels to pass at once to the functions below: four or one. */
static inline int32_t mcuforge_channels_at_once(int32_t left)
{
    return MCUFORGE_FOUR_CHANNELS && left >= 4 ? 4 : 1;
}

/* Adds up to 256 taps of four channels, whose sums fit int16 lanes: 9 instructions for 8 values. */
static MCUFORGE_NOINLINE void mcuforge_add_lanes(const int8_t *x, int32_t taps, int32_t stride,
                                                 int32_t sums[4])
{
    uint32_t even = 0; /* sums of channels 0 and 2 */
    uint32_t odd = 0;  /* and of 1 and 3 */
    if (taps % 2 != 0) {
        const uint32_t word = mcuforge_load_word(x);
        even = mcuforge_sxtb16(word);
        odd = mcuforge_sxtb16_odd(word);
        x += stride;
    }
    for (int32_t left = taps & ~1; left > 0; left -= 2) {
        const uint32_t first = mcuforge_load_word(x);
        const uint32_t second = mcuforge_load_word(x + stride);
        even = mcuforge_sxtab16(mcuforge_sxtab16(even, first), second);
        odd = mcuforge_sxtab16_odd(mcuforge_sxtab16_odd(odd, first), second);
        x += 2 * stride;
    }
    sums[0] += (int16_t)even;
    sums[1] += (int16_t)odd;
    sums[2] += (int32_t)even >> 16;
    sums[3] += (int32_t)odd >> 16;
}

/* The sum of neighbours, eight per iteration. usada8 adds unsigned bytes: each is 128 too large. */
static inline int32_t mcuforge_sum_neighbours(const int8_t *x, int32_t n)
{
    uint32_t sum = 0;
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        sum = mcuforge_usada8(mcuforge_load_word(x + i) ^ 0x80808080u, sum);
        sum = mcuforge_usada8(mcuforge_load_word(x + i + 4) ^ 0x80808080u, sum);
    }
    int32_t total = (int32_t)sum - 128 * i;
    for (; i < n; i++) {
        total += x[i];
    }
    return total;
}

/* Adds the taps of `count` channels to `sums`. */
static inline void mcuforge_add_taps(const int8_t *x, int32_t taps, int32_t stride, int32_t count,
                                     int32_t sums[4])
{
    if (MCUFORGE_FOUR_CHANNELS && count == 4) {
        for (int32_t left = taps; left > 0; left -= 256) {
            mcuforge_add_lanes(x, left < 256 ? left : 256, stride, sums);
            x += 256 * stride;
        }
        return;
    }
    if (MCUFORGE_FOUR_CHANNELS && stride == 1) {
        sums[0] += mcuforge_sum_neighbours(x, taps);
        return;
    }
    int32_t sum = 0;
    for (; taps > 0; taps--) {
        sum += *x;
        x += stride;
    }
    sums[0] += sum;
}

/* Raises `largest` to the largest taps of `count` channels. */
static inline void mcuforge_raise_to_taps(const int8_t *x, int32_t taps, int32_t stride,
                                          int32_t count, int8_t largest[4])
{
    if (MCUFORGE_FOUR_CHANNELS && count == 4) {
        uint32_t four = mcuforge_load_word(largest);
        for (; taps > 0; taps--) {
            four = mcuforge_max_bytes(four, mcuforge_load_word(x));
            x += stride;
        }
        memcpy(largest, &four, sizeof four);
        return;
    }
    int32_t max = largest[0];
    for (int32_t i = 0; i < taps; i++) {
        max = *x > max ? *x : max;
        x += stride;
    }
    largest[0] = (int8_t)max;
}

#endif
