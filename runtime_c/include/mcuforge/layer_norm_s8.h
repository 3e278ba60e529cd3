/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_LAYER_NORM_S8_H
#define MCUFORGE_LAYER_NORM_S8_H

#include <stdint.h>

struct mcuforge_layer_norm_params {
    int32_t rows;
    int32_t depth;          /* up to 65536 */
    int32_t fraction;       /* fraction bits of normalized values */
    int32_t variance_shift; /* even: fraction bits of the variance times depth squared */
    int32_t epsilon;        /* times 2^epsilon_shift, on the same scale */
    int32_t epsilon_shift;
    int32_t output_shift;   /* fraction bits of results before they are rounded */
    int32_t about_zero;     /* 1: the input's zero point stands for the mean, 0: the mean itself */
    int32_t zero_point;     /* of the input */
    int32_t block;          /* elements that share an element of gamma and beta; 0: see below */
};

/*
 * out = (in - mean) / deviation * gamma + beta, with the mean and standard deviation of each row.
 * in, out (rows, depth). gamma, beta include scales, zero point and half a step to round: (depth), or
 * with a block, which divides depth, (rows * depth / block).
 * `out` may be `in`: no element is written before its last read.
 */
void mcuforge_layer_norm_s8(const int8_t *in, const int32_t *gamma, const int32_t *beta,
                            int8_t *out, const struct mcuforge_layer_norm_params *params);

#endif
