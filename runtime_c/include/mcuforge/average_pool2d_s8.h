/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_AVERAGE_POOL2D_S8_H
#define MCUFORGE_AVERAGE_POOL2D_S8_H

#include <stdint.h>

struct mcuforge_average_pool2d_params {
    int32_t input[3];    /* h, w, c */
    int32_t output[2];   /* h, w */
    int32_t input_ring;  /* rows that the buffer of `in` holds */
    int32_t output_ring;
    int32_t kernel[2];   /* vertical, horizontal */
    int32_t stride[2];
    int32_t pad[2];      /* top, left; each window covers part of the image */
    int32_t act_min;
    int32_t act_max;
    int32_t zero_point;  /* that halves are rounded from; 0 if they go away from zero */
    int32_t to_even;     /* 1: halves go to the even distance from zero_point, 0: away from zero */
};

/*
 * out = the average of each window without its padding, halves rounded as the parameters say.
 * in (h, w, c), out (h, w, c); batch 1.
 * Computes rows [first_row, end_row) of `out`. Row y of a tensor is stored at row y modulo its
 * ring; the ring of a whole tensor has all its rows. Pixels are computed one by one, and `out` may
 * overlap input that no later pixel needs.
 */
void mcuforge_average_pool2d_s8(const int8_t *in, int8_t *out,
                                const struct mcuforge_average_pool2d_params *params,
                                int32_t first_row, int32_t end_row);

#endif
