/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compiler/packing/blocks.py packs, and how the sums of it end. A word of weights holds two
 * values of two filters: lanes 256 * b + a. It is multiplied as it stands, and once more with the
 * sign-extended a; the sum of b is the difference's upper 24 bits.
 */
#ifndef MCUFORGE_PAIRED_FILTERS_H
#define MCUFORGE_PAIRED_FILTERS_H

#include <stdint.h>

#include "mcuforge/dsp.h"

enum { MCUFORGE_BLOCK_FILTERS = 4, MCUFORGE_BLOCK_END_WORDS = 5 };

/* What follows a block's weights. */
struct mcuforge_block_end {
    uint32_t shifts; /* a byte each, to the right, less one: ssat shifts once more */
    int32_t multiplier[MCUFORGE_BLOCK_FILTERS];
};

/* The int8 of twice an accumulator of that sign; the offset has a bit for the half. */
static inline int8_t mcuforge_ending(int32_t twice, int32_t sign, int32_t multiplier,
                                     int32_t offset, uint32_t shift)
{
    const int32_t scaled = mcuforge_smmlar(twice, multiplier, offset + (sign >> 31));
    return (int8_t)mcuforge_ssat8_half(mcuforge_asr_byte(scaled, shift));
}

/* The outputs of filters A and B of a pair, whose sums are of 256 * b + a and of a. */
static inline void mcuforge_end_pair(const int32_t sums[2], const int32_t multiplier[2],
                                     int32_t odd_zero_point, uint32_t shifts, int8_t out[2])
{
    const int32_t low = sums[1];
    const int32_t high = (int32_t)((uint32_t)sums[0] - (uint32_t)low);
    const uint32_t shift_b = shifts >> 8;
    out[0] = mcuforge_ending((int32_t)((uint32_t)low << 1), low, multiplier[0],
                             mcuforge_lsl_byte(odd_zero_point, shifts), shifts);
    out[1] = mcuforge_ending(high >> 7, high, multiplier[1],
                             mcuforge_lsl_byte(odd_zero_point, shift_b), shift_b);
}

/*
 * The outputs of a block of one pixel. odd_zero_point: twice the zero point and one, so that halves
 * are rounded upwards.
 */
static inline void mcuforge_end_block(const struct mcuforge_block_end *end, int32_t odd_zero_point,
                                      const int32_t sums[MCUFORGE_BLOCK_FILTERS], int8_t *out)
{
    mcuforge_end_pair(sums, end->multiplier, odd_zero_point, end->shifts, out);
    mcuforge_end_pair(sums + 2, end->multiplier + 2, odd_zero_point, end->shifts >> 16, out + 2);
}

/* Two values, as lanes, by two words of two filters each. */
static inline void mcuforge_add_products(int32_t sums[MCUFORGE_BLOCK_FILTERS], uint32_t lanes,
                                         uint32_t w0, uint32_t w1)
{
    sums[0] = mcuforge_smlad(lanes, w0, sums[0]);
    sums[2] = mcuforge_smlad(lanes, w1, sums[2]);
    sums[1] = mcuforge_smlad(lanes, mcuforge_sxtb16(w0), sums[1]);
    sums[3] = mcuforge_smlad(lanes, mcuforge_sxtb16(w1), sums[3]);
}

/* out (count) from a block that holds `held` filters. */
static inline void mcuforge_take(const int8_t *block, int8_t *out, int32_t count, int32_t held)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = *block;
        block += held == MCUFORGE_BLOCK_FILTERS ? 1 : 2;
    }
}

/* The clamp of what ssat has left too wide; rare, so it is done afterwards. */
static inline void mcuforge_clamp_all(int8_t *out, int32_t count, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t value = out[i];
        out[i] = (int8_t)(value < low ? low : (value > high ? high : value));
    }
}

#endif
