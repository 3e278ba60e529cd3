/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DEPTHWISE_CONV2D_PACKED_S8_H
#define MCUFORGE_DEPTHWISE_CONV2D_PACKED_S8_H

#include <stdint.h>

/* The most taps of a filter: their addresses are on the stack. compiler/isa has it, too. */
enum { MCUFORGE_DEPTHWISE_PACKED_TAPS = 50 };

struct mcuforge_depthwise_conv2d_packed_params {
    int32_t input[3];          /* h, w, c */
    int32_t output[3];         /* h, w, c */
    int32_t input_ring;        /* rows that the buffer of `in` holds */
    int32_t output_ring;
    int32_t kernel[2];         /* vertical, horizontal */
    int32_t stride[2];
    int32_t pad[2];            /* top, left */
    int32_t dilation[2];
    int32_t output_zero_point;
    int32_t ties_away;         /* 1: halves below zero round away from zero */
    int32_t act_min;
    int32_t act_max;
};

/*
 * depthwise_conv2d_s8 with one filter per channel and packed weights (compiler/isa). `padding`
 * (c) holds the input's zero point: taps beside the image read it. Accumulators stay below 2^30,
 * and no shift is to the left. Computes a few channels of a pixel at a time, in rising order: reads
 * their taps, then writes them.
 */
void mcuforge_depthwise_conv2d_packed_s8(
    const int8_t *in, const int32_t *weights, const int8_t *padding, int8_t *out,
    const struct mcuforge_depthwise_conv2d_packed_params *params, int32_t first_row,
    int32_t end_row);

#endif
