/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/dequantize_f32.h"

void mcuforge_dequantize_f32(const void *in, float *out,
                             const struct mcuforge_dequantize_params *params)
{
    const int8_t *as_signed = in;
    const uint8_t *as_unsigned = in;
    for (int32_t i = 0; i < params->count; i++) {
        const int32_t value = params->is_signed ? as_signed[i] : as_unsigned[i];
        out[i] = params->scale * (float)(value - params->zero_point);
    }
}
