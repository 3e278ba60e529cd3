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

enum { MCUFORGE_BLOCK_FILTERS = 4 };

/* What follows a block's weights: five words. */
struct mcuforge_block_end {
    int32_t multiplier[MCUFORGE_BLOCK_FILTERS];
    uint32_t shifts; /* a byte each, to the right, less one: ssat shifts once more */
};

/* The int8 of twice an accumulator; the offset has a bit for the half, as `scaled` has. */
static inline int8_t mcuforge_ending(int32_t twice, int32_t multiplier, int32_t offset,
                                     uint32_t shift)
{
    const int32_t scaled = mcuforge_smmlar(twice, multiplier, offset + (twice >> 31));
    return (int8_t)mcuforge_ssat8_half(mcuforge_asr_byte(scaled, shift));
}

/* The outputs of two filters, whose sums are of 256 * b + a and of a. */
static inline void mcuforge_end_pair(const int32_t sums[2], const int32_t multiplier[2],
                                     const int32_t offset[2], const uint32_t shift[2],
                                     int8_t out[2])
{
    const uint32_t both = (uint32_t)sums[0];
    const uint32_t low = (uint32_t)sums[1];
    out[0] = mcuforge_ending((int32_t)(low << 1), multiplier[0], offset[0], shift[0]);
    out[1] = mcuforge_ending((int32_t)(both - low) >> 7, multiplier[1], offset[1], shift[1]);
}

/*
 * The outputs of a block of one or two pixels. odd_zero_point: twice the zero point and one, so that
 * halves are rounded upwards.
 */
static inline __attribute__((always_inline)) void
mcuforge_end_block(const struct mcuforge_block_end *end, int32_t odd_zero_point, int32_t pixels,
                   int32_t (*sums)[MCUFORGE_BLOCK_FILTERS], int8_t *const *out)
{
    uint32_t shifts = end->shifts;
    for (int32_t pair = 0; pair < 2; pair++) {
        const uint32_t shift[2] = {shifts, shifts >> 8};
        const int32_t offset[2] = {mcuforge_lsl_byte(odd_zero_point, shift[0]),
                                   mcuforge_lsl_byte(odd_zero_point, shift[1])};
        const int32_t *const multiplier = end->multiplier + 2 * pair;
        mcuforge_end_pair(sums[0] + 2 * pair, multiplier, offset, shift, out[0] + 2 * pair);
        if (pixels > 1) {
            mcuforge_end_pair(sums[1] + 2 * pair, multiplier, offset, shift, out[1] + 2 * pair);
        }
        shifts >>= 16;
    }
}

/* out (count), outputs of a block less one in `step` of them. */
static inline void mcuforge_take(const int8_t *block, int8_t *out, int32_t count, int32_t step)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = block[i * step];
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
