/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_RESIZE_NEAREST_S8_H
#define MCUFORGE_RESIZE_NEAREST_S8_H

#include <stdint.h>

struct mcuforge_resize_nearest_params {
    int32_t input[3];       /* h, w, c */
    int32_t output[3];      /* h, w, c */
    int32_t input_ring;     /* rows of `in` its buffer holds */
    int32_t output_ring;
    const int16_t *rows;    /* (output h): the input row each output row repeats */
    const int16_t *columns; /* (output w): likewise */
};

/*
 * in (h, w, c), out (h, w, c) bytes, int8 or uint8; batch 1.
 * Computes rows [first_row, end_row) of `out`. Row y of a tensor stands at row y modulo its ring;
 * a whole tensor is a ring of all its rows. `out` may lie over input that is read no more, which is
 * to be taken pixel by pixel.
 */
void mcuforge_resize_nearest_s8(const void *in, void *out,
                                const struct mcuforge_resize_nearest_params *params,
                                int32_t first_row, int32_t end_row);

#endif
