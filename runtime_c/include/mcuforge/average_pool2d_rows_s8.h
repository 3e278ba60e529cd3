/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_AVERAGE_POOL2D_ROWS_S8_H
#define MCUFORGE_AVERAGE_POOL2D_ROWS_S8_H

#include <stdint.h>

#include "mcuforge/average_pool2d_s8.h"

/*
 * average_pool2d_s8 row by row, for windows that cover all rows. Adds rows [first_row, end_row) of
 * in (h, w, c) to int32 sums (output w, c) in `scratch`. Row 0 clears the sums; the last row writes
 * out (1, w, c). Row y is stored at row y modulo the input's ring.
 */
void mcuforge_average_pool2d_rows_s8(const int8_t *in, int8_t *out,
                                     const struct mcuforge_average_pool2d_params *params,
                                     void *scratch, int32_t first_row, int32_t end_row);

#endif
