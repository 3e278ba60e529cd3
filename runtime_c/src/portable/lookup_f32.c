/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/lookup_f32.h"

void mcuforge_lookup_f32(const int8_t *in, const float *table, float *out,
                         const struct mcuforge_lookup_params *params)
{
    for (int32_t i = 0; i < params->count; i++) {
        out[i] = table[(uint8_t)in[i]];
    }
}
