/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks two inputs of different shapes to fill one output.
 *
 * The compiler merges the output's dimensions to at most five; the last one is a row. Strides count
 * elements and are 0 along a dimension that the input repeats. Unused dimensions have size 1, and
 * their strides do not matter. Equal shapes are one row.
 */
#ifndef MCUFORGE_BROADCAST_H
#define MCUFORGE_BROADCAST_H

#include <stdbool.h>
#include <stdint.h>

enum { MCUFORGE_BROADCAST_ROW = 4 };

/* The start of a row: index in the output, element in each input. Starts as {{0}, 0, 0}. */
struct mcuforge_broadcast_row {
    int32_t index[MCUFORGE_BROADCAST_ROW];
    int32_t a;
    int32_t b;
};

/* Moves to the next row in output order. Returns false after the last one. */
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
