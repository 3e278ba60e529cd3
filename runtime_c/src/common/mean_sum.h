/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_MEAN_SUM_H
#define MCUFORGE_MEAN_SUM_H

#include <stdint.h>

/* The sum over three dimensions, (size, stride) each, in elements; `x` is the first element. */
static inline int32_t mcuforge_mean_sum(const int8_t *x, const int32_t size[3],
                                        const int32_t stride[3])
{
    int32_t sum = 0;
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            const int8_t *tap = x + i * stride[0] + j * stride[1];
            for (int32_t k = 0; k < size[2]; k++) {
                sum += *tap;
                tap += stride[2];
            }
        }
    }
    return sum;
}

#endif
