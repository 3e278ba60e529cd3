/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_L2_NORMALIZATION_S8_H
#define MCUFORGE_L2_NORMALIZATION_S8_H

#include <stdint.h>

struct mcuforge_l2_normalization_params {
    int32_t rows;
    int32_t depth;
    int32_t zero_point; /* of the input; the output has scale 1/128 and zero point 0 */
};

/*
 * in, out (rows, depth). Each row of `out` is computed from the same row of `in`, which is read to
 * the end before its first element is written: `out` may be `in`.
 */
void mcuforge_l2_normalization_s8(const int8_t *in, int8_t *out,
                                  const struct mcuforge_l2_normalization_params *params);

#endif
