/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_SOFTMAX_S8_H
#define MCUFORGE_SOFTMAX_S8_H

#include <stdint.h>

struct mcuforge_softmax_params {
    int32_t rows;
    int32_t depth;
    int32_t exp_count;
    const int32_t *exp; /* (exp_count): exp(-i * beta * scale) with 31 fraction bits; then 0 */
};

/*
 * out = the softmax of each row, with scale 1/256 and zero point -128. in, out (rows, depth).
 * `out` may be `in`.
 */
void mcuforge_softmax_s8(const int8_t *in, int8_t *out,
                         const struct mcuforge_softmax_params *params);

#endif
