/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_TRANSPOSE_CONV_S8_H
#define MCUFORGE_TRANSPOSE_CONV_S8_H

#include <stdint.h>

struct mcuforge_transpose_conv_params {
    int32_t input[3];          /* h, w, ci */
    int32_t output[3];         /* h, w, co */
    int32_t input_ring;        /* rows that the buffer of `in` holds */
    int32_t output_ring;
    int32_t kernel[2];         /* vertical, horizontal */
    int32_t stride[2];
    int32_t pad[2];            /* top, left: rows and columns cut off the sum */
    int32_t groups;
    int32_t group_channels;    /* input channels each filter sees: ci / groups */
    int32_t group_filters;     /* filters that see the same channels: co / groups */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t act_min;
    int32_t act_max;
    const int32_t *bias;       /* (co) */
    const int32_t *multiplier; /* (co) */
    const int8_t *shift;       /* (co) */
};

/*
 * in (h, w, ci), weights (co, kh, kw, ci / groups), out (h, w, co); batch 1.
 * Computes rows [first_row, end_row) of `out`, each pixel from the input pixels that reach it. Row
 * y of a tensor is stored at row y modulo its ring; the ring of a whole tensor has all its rows.
 * Pixels are computed one by one, and `out` may overlap input that no later pixel needs.
 */
void mcuforge_transpose_conv_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                const struct mcuforge_transpose_conv_params *params,
                                int32_t first_row, int32_t end_row);

#endif
