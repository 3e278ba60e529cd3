/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_PRELU_S8_H
#define MCUFORGE_PRELU_S8_H

#include <stdint.h>

/* The output's dimensions and the strides of both inputs: see common/broadcast.h. */
struct mcuforge_prelu_params {
    int32_t dims[5];
    int32_t stride_a[5];
    int32_t stride_b[5];
    int32_t zero_point_a;
    int32_t zero_point_b;
    int32_t output_zero_point;
    int32_t multiplier_above; /* from a to the output */
    int32_t shift_above;
    int32_t multiplier_below; /* from a * b to the output */
    int32_t shift_below;
};

/*
 * out = a where a is positive, a * b below. Each element of `a` and `b` is read just before its
 * output is written: `out` may overlap elements that were already read.
 */
void mcuforge_prelu_s8(const int8_t *a, const int8_t *b, int8_t *out,
                       const struct mcuforge_prelu_params *params);

#endif
