/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_FULLY_CONNECTED_ROWS_S8_H
#define MCUFORGE_FULLY_CONNECTED_ROWS_S8_H

#include <stdint.h>

struct mcuforge_fully_connected_rows_params {
    int32_t rows;              /* the input vector is cut into this many rows */
    int32_t row_features;      /* in_features / rows */
    int32_t input_ring;        /* rows that the buffer of `in` holds */
    int32_t out_features;
    int32_t multiplier_step;   /* 1: one multiplier per output feature, 0: one for all */
    int32_t output_zero_point;
    int32_t act_min;
    int32_t act_max;
    const int32_t *bias;       /* (out_features): minus input zero point * sum of the weights */
    const int32_t *multiplier; /* (out_features) or (1) */
    const int8_t *shift;       /* (out_features) or (1) */
};

/*
 * fully_connected_s8 of one vector, row by row. Adds the products of rows [first_row, end_row) of
 * in (rows, row_features) to int32 sums (out_features) in `scratch`. Row 0 starts the sums with the
 * bias; the last row writes out (out_features). Weights (out_features, rows, row_features). Row y
 * is stored at row y modulo the ring.
 */
void mcuforge_fully_connected_rows_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                      const struct mcuforge_fully_connected_rows_params *params,
                                      void *scratch, int32_t first_row, int32_t end_row);

#endif
