/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_MEAN_SUMS_H
#define MCUFORGE_MEAN_SUMS_H

#include "channels.h"

/* How many of `left` outputs to sum at once: four only if their inputs are neighbours. */
static inline int32_t mcuforge_means_at_once(int32_t left, int32_t stride)
{
    return stride == 1 ? mcuforge_channels_at_once(left) : 1;
}

/* Adds the sums of `count` outputs over three dimensions. Strides in elements. */
static inline void mcuforge_add_block(const int8_t *x, const int32_t size[3],
                                      const int32_t stride[3], int32_t count, int32_t sums[4])
{
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            const int8_t *first = x + i * stride[0] + j * stride[1];
            mcuforge_add_taps(first, size[2], stride[2], count, sums);
        }
    }
}

#endif
