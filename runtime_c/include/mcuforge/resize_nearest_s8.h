/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_RESIZE_NEAREST_S8_H
#define MCUFORGE_RESIZE_NEAREST_S8_H

#include <stdint.h>

struct mcuforge_resize_nearest_params {
    int32_t input[3];       /* h, w, c */
    int32_t output[3];      /* h, w, c */
    int32_t input_ring;     /* rows that the buffer of `in` holds */
    int32_t output_ring;
    const int16_t *rows;    /* (output h): the input row that each output row copies */
    const int16_t *columns; /* (output w): likewise */
};

/*
 * in (h, w, c), out (h, w, c) bytes, int8 or uint8; batch 1.
 * Computes rows [first_row, end_row) of `out`. Row y of a tensor is stored at row y modulo its
 * ring; the ring of a whole tensor has all its rows. Pixels are computed one by one, and `out` may
 * overlap input that no later pixel needs.
 */
void mcuforge_resize_nearest_s8(const void *in, void *out,
                                const struct mcuforge_resize_nearest_params *params,
                                int32_t first_row, int32_t end_row);

#endif
