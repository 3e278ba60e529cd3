/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_MEAN_ROWS_S8_H
#define MCUFORGE_MEAN_ROWS_S8_H

#include <stdint.h>

/* Like mcuforge_mean_params for a single row; the mean is over all rows, too. */
struct mcuforge_mean_rows_params {
    int32_t rows;
    int32_t row_size;          /* elements */
    int32_t input_ring;        /* rows that the buffer of `in` holds */
    int32_t kept[3];
    int32_t kept_stride[3];
    int32_t reduced[3];
    int32_t reduced_stride[3];
    int32_t bias;              /* minus input zero point * number of averaged elements */
    int32_t multiplier;        /* includes 1 / number of averaged elements */
    int32_t shift;
    int32_t output_zero_point;
};

/*
 * mean_s8 row by row. Adds rows [first_row, end_row) of in (rows, row_size) to int32 sums
 * (kept[0], kept[1], kept[2]) in `scratch`. Row 0 starts the sums with the bias; the last row
 * writes `out`. Row y is stored at row y modulo the ring.
 */
void mcuforge_mean_rows_s8(const int8_t *in, int8_t *out,
                           const struct mcuforge_mean_rows_params *params, void *scratch,
                           int32_t first_row, int32_t end_row);

#endif
