/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_CONV2D_PACKED_S8_H
#define MCUFORGE_CONV2D_PACKED_S8_H

#include <stdint.h>

struct mcuforge_conv2d_packed_params {
    int32_t input[3];          /* h, w, ci */
    int32_t output[3];         /* h, w, co */
    int32_t input_ring;        /* rows that the buffer of `in` holds */
    int32_t output_ring;
    int32_t kernel[2];         /* vertical, horizontal */
    int32_t stride[2];
    int32_t pad[2];            /* top, left */
    int32_t dilation[2];
    int32_t depth;             /* kh * kw * ci, rounded up: zeros are packed behind */
    int32_t input_zero_point;  /* what padding holds */
    int32_t output_zero_point;
    int32_t ties_away;         /* 1: halves below zero round away from zero */
    int32_t act_min;
    int32_t act_max;
};

/*
 * conv2d_s8 of one group with packed weights: biases, filters, multipliers and shifts in the order
 * in which the ISA's kernel reads them (compiler/isa). Accumulators stay below 2^30, and no
 * shift is to the left. Computes one or more pixels at a time, in rising order: reads all that they
 * need, then writes them. `scratch` holds what it has read.
 */
void mcuforge_conv2d_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                               const struct mcuforge_conv2d_packed_params *params, void *scratch,
                               int32_t first_row, int32_t end_row);

#endif
