/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_FULLY_CONNECTED_PACKED_S8_H
#define MCUFORGE_FULLY_CONNECTED_PACKED_S8_H

#include <stdint.h>

struct mcuforge_fully_connected_packed_params {
    int32_t in_features;
    int32_t out_features;
    int32_t depth;             /* in_features, rounded up: zeros are packed behind */
    int32_t output_zero_point;
    int32_t ties_away;         /* 1: halves below zero round away from zero */
    int32_t act_min;
    int32_t act_max;
};

/*
 * fully_connected_s8 of one vector with packed weights (compiler/isa): in (in_features),
 * out (out_features). Accumulators stay below 2^30, and no shift is to the left. conv2d_packed_s8
 * computes several vectors, as the pixels of a 1x1 convolution.
 */
void mcuforge_fully_connected_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                                        const struct mcuforge_fully_connected_packed_params *params);

#endif
