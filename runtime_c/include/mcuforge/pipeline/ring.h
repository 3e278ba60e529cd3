/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring buffers of rows: row y of a tensor is stored at row y modulo the ring's rows.
 */
#ifndef MCUFORGE_RING_H
#define MCUFORGE_RING_H

#include <stdint.h>

/* Where a ring of `rows` rows stores row `y`. A division: call it once per output row. */
static inline int32_t mcuforge_ring_row(int32_t y, int32_t rows)
{
    return (int32_t)((uint32_t)y % (uint32_t)rows);
}

/*
 * Moves the offset `at` by `step` in a ring of `size`, all in elements. It wraps at most once: rows
 * that are stored at the same time are less than a ring apart.
 */
static inline int32_t mcuforge_ring_step(int32_t at, int32_t step, int32_t size)
{
    const int32_t next = at + step;
    return next < size ? next : next - size;
}

#endif
