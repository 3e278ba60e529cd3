/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_EXTREMUM_S8_H
#define MCUFORGE_EXTREMUM_S8_H

#include <stdint.h>

struct mcuforge_extremum_params {
    int32_t dims[5]; /* outermost first; 1 where unused */
    int32_t stride_a[5];
    int32_t stride_b[5];
    int32_t largest; /* 1: the larger of two elements; 0: the smaller */
};

/*
 * out = the larger or the smaller of a and b, each input repeated along dimensions of stride 0.
 * `out` may be `a` or `b` if that input is as large as the output.
 */
void mcuforge_extremum_s8(const int8_t *a, const int8_t *b, int8_t *out,
                          const struct mcuforge_extremum_params *params);

#endif
