/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_SQUARED_DIFFERENCE_S8_H
#define MCUFORGE_SQUARED_DIFFERENCE_S8_H

#include <stdint.h>

/* Multipliers a and b bring the inputs to one scale; the output multiplier scales the square. */
struct mcuforge_squared_difference_params {
    int32_t dims[5];           /* outermost first; 1 where unused */
    int32_t stride_a[5];
    int32_t stride_b[5];
    int32_t zero_point_a;
    int32_t multiplier_a;
    int32_t shift_a;           /* not above 0 */
    int32_t zero_point_b;
    int32_t multiplier_b;
    int32_t shift_b;           /* not above 0 */
    int32_t output_zero_point;
    int32_t output_multiplier;
    int32_t output_shift;      /* not above 0 */
};

/*
 * out = (a - b) * (a - b), each input repeated along dimensions of stride 0.
 * `out` may be `a` or `b` if that input is as large as the output.
 */
void mcuforge_squared_difference_s8(const int8_t *a, const int8_t *b, int8_t *out,
                                    const struct mcuforge_squared_difference_params *params);

#endif
