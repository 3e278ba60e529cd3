/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_LAYER_NORM_S8_H
#define MCUFORGE_LAYER_NORM_S8_H

#include <stdint.h>

struct mcuforge_layer_norm_params {
    int32_t rows;
    int32_t depth;          /* up to 65536 */
    int32_t fraction;       /* fraction bits of normalised values */
    int32_t variance_shift; /* even: fraction bits of the variance times depth squared */
    int32_t epsilon;        /* times 2^epsilon_shift, on the same scale */
    int32_t epsilon_shift;
    int32_t output_shift; /* fraction bits of results before they are rounded */
};

/*
 * in, out (rows, depth): each row less its mean, over its standard deviation, times gamma, plus
 * beta; both (depth), with scales, zero point and rounding in them.
 * `out` may be `in`: a row is read whole, then each element before it is written.
 */
void mcuforge_layer_norm_s8(const int8_t *in, const int32_t *gamma, const int32_t *beta,
                            int8_t *out, const struct mcuforge_layer_norm_params *params);

#endif
