/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/l2_normalization_s8.h"

#include "../common/reciprocal.h"
#include "../common/requantize.h"

enum { ONE = 1 << 28, ROOT_HALF = 1518500250, NEWTON_STEPS = 5, OUTPUT_BITS = 7 };

/* 1 / sqrt(x) is multiplier * 2^(shift - 31). */
struct root {
    int32_t multiplier;
    int32_t shift;
};

/* Newton's iteration from 1 as TFLite's reference has it; x is below 2^29. */
static struct root inverse_root(int32_t x)
{
    struct root root = {INT32_MAX, 0};
    if (x <= 1) {
        return root;
    }
    int32_t pairs = 0;
    while (x < ((int32_t)1 << 27)) {
        x *= 4;
        pairs++;
    }
    const int32_t half = mcuforge_shift_right(x >> 1, 1);
    int32_t y = ONE;
    for (int32_t step = 0; step < NEWTON_STEPS; step++) {
        const int32_t product = mcuforge_high_mul(mcuforge_high_mul(y, y), y);
        const int32_t cube = mcuforge_saturating_shift_left(product, 6);
        const int32_t next = mcuforge_high_mul(ONE + ONE / 2, y) - mcuforge_high_mul(half, cube);
        y = mcuforge_saturating_shift_left(next, 3);
    }
    root.multiplier = mcuforge_high_mul(y, ROOT_HALF);
    root.shift = pairs - 11;
    if (root.shift > 0) { /* the reference shifts the multiplier, not the value */
        root.multiplier = (int32_t)((uint32_t)root.multiplier << root.shift);
        root.shift = 0;
    }
    return root;
}

void mcuforge_l2_normalization_s8(const int8_t *in, int8_t *out,
                                  const struct mcuforge_l2_normalization_params *params)
{
    for (int32_t row = 0; row < params->rows; row++) {
        int32_t squares = 0;
        for (int32_t i = 0; i < params->depth; i++) {
            const int32_t x = in[i] - params->zero_point;
            squares += x * x;
        }
        const struct root root = inverse_root(squares);
        for (int32_t i = 0; i < params->depth; i++) {
            out[i] = mcuforge_output_s8(in[i] - params->zero_point, root.multiplier,
                                        root.shift + OUTPUT_BITS, 0, INT8_MIN, INT8_MAX);
        }
        in += params->depth;
        out += params->depth;
    }
}
