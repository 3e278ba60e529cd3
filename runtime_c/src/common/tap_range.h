/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_TAP_RANGE_H
#define MCUFORGE_TAP_RANGE_H

#include <stdint.h>

/* Taps [first, end) of a kernel are on the image, along one dimension; the others on padding. */
struct mcuforge_tap_range {
    int32_t first;
    int32_t end;
};

/* Taps inside [0, size): `taps` of them, one `step` apart, from `origin` on. Does not divide. */
static inline struct mcuforge_tap_range mcuforge_taps_inside(int32_t origin, int32_t taps,
                                                             int32_t step, int32_t size)
{
    struct mcuforge_tap_range range = {0, taps};
    while (range.first < taps && origin + range.first * step < 0) {
        range.first++;
    }
    while (range.end > range.first && origin + (range.end - 1) * step >= size) {
        range.end--;
    }
    return range;
}

#endif
