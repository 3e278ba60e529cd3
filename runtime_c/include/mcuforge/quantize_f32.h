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
 * out[i] = clamp(zero_point + round(in[i] / scale), low, high), halves rounded away from zero.
 * `out` is int8 or uint8. Infinities and large quotients saturate; NaN gives `low`.
 * `out` may begin where `in` begins: the kernel reads in[i] before it writes byte i.
 */
void mcuforge_quantize_f32(const float *in, void *out,
                           const struct mcuforge_quantize_params *params);

#endif
