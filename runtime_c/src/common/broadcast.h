/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking two inputs of different shapes to fill one output.
 *
 * The compiler has merged the output's dimensions to at most five, the last one a row. Strides
 * count elements and are 0 along a dimension an input repeats; the strides of unused dimensions
 * do not matter, their size is 1. Equal shapes are one single row.
 */
#ifndef MCUFORGE_BROADCAST_H
#define MCUFORGE_BROADCAST_H

#include <stdbool.h>
#include <stdint.h>

enum { MCUFORGE_BROADCAST_DIMS = 5, MCUFORGE_BROADCAST_ROW = 4 };

/* Where a row starts: the output's index and the element of each input. Begins as {{0}, 0, 0}. */
struct mcuforge_broadcast_row {
    int32_t index[MCUFORGE_BROADCAST_ROW];
    int32_t a;
    int32_t b;
};

/* Steps to the next row in output order; false after the last one. */
static inline bool mcuforge_next_row(struct mcuforge_broadcast_row *row, const int32_t *dims,
                                     const int32_t *stride_a, const int32_t *stride_b)
{
    for (int32_t d = MCUFORGE_BROADCAST_ROW - 1; d >= 0; d--) {
        row->a += stride_a[d];
        row->b += stride_b[d];
        row->index[d]++;
        if (row->index[d] < dims[d]) {
            return true;
        }
        row->a -= dims[d] * stride_a[d];
        row->b -= dims[d] * stride_b[d];
        row->index[d] = 0;
    }
    return false;
}

#endif
