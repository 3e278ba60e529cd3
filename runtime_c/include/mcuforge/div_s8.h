/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DIV_S8_H
#define MCUFORGE_DIV_S8_H

#include <stdint.h>

struct mcuforge_div_params {
    int32_t dims[5];           /* outermost first; 1 where unused */
    int32_t stride_a[5];
    int32_t stride_b[5];
    int32_t zero_point_a;
    int32_t zero_point_b;
    int32_t output_zero_point;
    int32_t multiplier;
    int32_t shift;             /* not above 22 */
    int32_t act_min;
    int32_t act_max;
};

/*
 * out = a / b, each input repeated along its dimensions of stride 0. a / 0 is act_max for positive
 * a, act_min for negative a, and 0 / 0 is 0.
 * `out` may be `a` or `b` if that input is as large as the output.
 */
void mcuforge_div_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_div_params *params);

#endif
