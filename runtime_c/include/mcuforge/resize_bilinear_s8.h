/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_RESIZE_BILINEAR_S8_H
#define MCUFORGE_RESIZE_BILINEAR_S8_H

#include <stdint.h>

/* Each output row (column) lies between the rows `low` and `high`; the second has the weight. */
struct mcuforge_resize_bilinear_params {
    int32_t input[3];             /* h, w, c */
    int32_t output[3];            /* h, w, c */
    int32_t input_ring;           /* rows that the buffer of `in` holds */
    int32_t output_ring;
    int32_t bits;                 /* fraction bits of a weight, at most 11 */
    const int16_t *row_low;       /* (output h) */
    const int16_t *row_high;
    const int16_t *row_weight;    /* 0 to 2**bits */
    const int16_t *column_low;    /* (output w) */
    const int16_t *column_high;
    const int16_t *column_weight;
};

/*
 * in (h, w, c), out (h, w, c), one scale and zero point; batch 1.
 * Computes rows [first_row, end_row) of `out`. Row y of a tensor is stored at row y modulo its
 * ring; the ring of a whole tensor has all its rows. Pixels are computed one by one, and `out` may
 * overlap input that no later pixel needs.
 */
void mcuforge_resize_bilinear_s8(const int8_t *in, int8_t *out,
                                 const struct mcuforge_resize_bilinear_params *params,
                                 int32_t first_row, int32_t end_row);

#endif
