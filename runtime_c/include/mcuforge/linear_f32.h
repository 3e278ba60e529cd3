/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_LINEAR_F32_H
#define MCUFORGE_LINEAR_F32_H

#include <stdint.h>

struct mcuforge_linear_params {
    int32_t rows;         /* independent input vectors */
    int32_t in_features;
    int32_t out_features;
    int32_t scale_step;   /* 1: one scale per output feature, 0: one for all */
    const int32_t *bias;  /* (out_features): minus input zero point * sum of the weights */
    const float *scale;   /* (out_features) or (1): of a sum of products */
};

/*
 * out = sums of products, as real numbers: each sum is rounded to float, then multiplied.
 * in (rows, in_features), weights (out_features, in_features), out (rows, out_features).
 */
void mcuforge_linear_f32(const int8_t *in, const int8_t *weights, float *out,
                         const struct mcuforge_linear_params *params);

#endif
