/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DEPTHWISE_CONV2D_ROWS_S8_H
#define MCUFORGE_DEPTHWISE_CONV2D_ROWS_S8_H

#include <stdint.h>

#include "mcuforge/depthwise_conv2d_s8.h"

/*
 * depthwise_conv2d_s8 row by row, for an output of one row. Adds the products of rows
 * [first_row, end_row) of in (h, w, ci) to int32 sums (output w, co) in `scratch`. Row 0 starts the
 * sums with the bias; the last row writes out (1, w, co). Row y is stored at row y modulo the
 * input's ring.
 */
void mcuforge_depthwise_conv2d_rows_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                       const struct mcuforge_depthwise_conv2d_params *params,
                                       void *scratch, int32_t first_row, int32_t end_row);

#endif
