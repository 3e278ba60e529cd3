/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_FULLY_CONNECTED_S8_H
#define MCUFORGE_FULLY_CONNECTED_S8_H

#include <stdint.h>

struct mcuforge_fully_connected_params {
    int32_t rows;              /* independent input vectors */
    int32_t in_features;
    int32_t out_features;
    int32_t multiplier_step;   /* 1: a multiplier per output feature, 0: one for all */
    int32_t output_zero_point;
    int32_t act_min;
    int32_t act_max;
    const int32_t *bias;       /* (out_features): less input zero point * sum of the weights */
    const int32_t *multiplier; /* (out_features) or (1) */
    const int8_t *shift;       /* (out_features) or (1) */
};

/*
 * in (rows, in_features), weights (out_features, in_features), out (rows, out_features).
 * A vector of `out` is written when it has been computed: it must not lie over vectors of `in` that
 * are yet to be read, its own included.
 */
void mcuforge_fully_connected_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                 const struct mcuforge_fully_connected_params *params);

#endif
