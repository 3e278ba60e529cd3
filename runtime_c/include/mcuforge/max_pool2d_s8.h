/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_MAX_POOL2D_S8_H
#define MCUFORGE_MAX_POOL2D_S8_H

#include <stdint.h>

struct mcuforge_max_pool2d_params {
    int32_t input[3];    /* h, w, c */
    int32_t output[2];   /* h, w */
    int32_t input_ring;  /* rows of `in` its buffer holds */
    int32_t output_ring;
    int32_t kernel[2];   /* vertical, horizontal */
    int32_t stride[2];
    int32_t pad[2];      /* top, left; every window covers part of the image */
    int32_t act_min;
    int32_t act_max;
};

/*
 * out = the largest tap of each window.
 * in (h, w, c), out (h, w, c); batch 1.
 * Computes rows [first_row, end_row) of `out`. Row y of a tensor stands at row y modulo its ring;
 * a whole tensor is a ring of all its rows. `out` may lie over input that is read no more, which is
 * to be taken pixel by pixel.
 */
void mcuforge_max_pool2d_s8(const int8_t *in, int8_t *out,
                            const struct mcuforge_max_pool2d_params *params, int32_t first_row,
                            int32_t end_row);

#endif
