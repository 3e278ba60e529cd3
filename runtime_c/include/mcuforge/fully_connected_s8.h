/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_FULLY_CONNECTED_S8_H
#define MCUFORGE_FULLY_CONNECTED_S8_H

#include <stdint.h>

struct mcuforge_fully_connected_params {
    int32_t rows;              /* independent input vectors */
    int32_t in_features;
    int32_t out_features;
    int32_t multiplier_step;   /* 1: one multiplier per output feature, 0: one for all */
    int32_t output_zero_point;
    int32_t act_min;
    int32_t act_max;
    const int32_t *bias;       /* (out_features): minus input zero point * sum of the weights */
    const int32_t *multiplier; /* (out_features) or (1) */
    const int8_t *shift;       /* (out_features) or (1) */
};

/*
 * in (rows, in_features), weights (out_features, in_features), out (rows, out_features).
 * Writes each element of `out` as soon as it is computed: it must not overlap the vector of `in`
 * that it is computed from, nor a later one.
 */
void mcuforge_fully_connected_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                 const struct mcuforge_fully_connected_params *params);

#endif
