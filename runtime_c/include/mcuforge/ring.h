/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers that hold some rows of a tensor at a time: row y stands at row y modulo their number.
 */
#ifndef MCUFORGE_RING_H
#define MCUFORGE_RING_H

#include <stdint.h>

/* Where row `y` of a tensor stands in a ring of `rows` rows. A division: once an output row. */
static inline int32_t mcuforge_ring_row(int32_t y, int32_t rows)
{
    return (int32_t)((uint32_t)y % (uint32_t)rows);
}

/*
 * The offset `at` moved on by `step` in a ring of `size`, all in elements. At most once round: rows
 * that stand in the ring together are less than a ring apart.
 */
static inline int32_t mcuforge_ring_step(int32_t at, int32_t step, int32_t size)
{
    const int32_t next = at + step;
    return next < size ? next : next - size;
}

#endif
