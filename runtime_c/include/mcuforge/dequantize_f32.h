/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DEQUANTIZE_F32_H
#define MCUFORGE_DEQUANTIZE_F32_H

#include <stdint.h>

struct mcuforge_dequantize_params {
    int32_t count; /* elements */
    float scale;
    int32_t zero_point;
    int32_t is_signed; /* 1: `in` is int8, 0: uint8 */
};

/*
 * out[i] = scale * (in[i] - zero_point), in rising order. `out` may overlap only elements of `in`
 * that were already read.
 */
void mcuforge_dequantize_f32(const void *in, float *out,
                             const struct mcuforge_dequantize_params *params);

#endif
