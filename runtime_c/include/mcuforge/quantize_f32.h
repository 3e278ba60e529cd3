/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_QUANTIZE_F32_H
#define MCUFORGE_QUANTIZE_F32_H

#include <stdint.h>

struct mcuforge_quantize_params {
    int32_t count; /* elements */
    float scale;
    int32_t zero_point;
    int32_t low;   /* -128 and 127 for int8, 0 and 255 for uint8 */
    int32_t high;
};

/*
 * out[i] = clamp(zero_point + round(in[i] / scale), low, high), halves away from zero; out is int8
 * or uint8. Infinities and quotients of any size saturate; NaN gives `low`.
 * `out` may begin where `in` begins: byte i is written after in[i] was read.
 */
void mcuforge_quantize_f32(const float *in, void *out,
                           const struct mcuforge_quantize_params *params);

#endif
