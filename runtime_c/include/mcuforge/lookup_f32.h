/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_LOOKUP_F32_H
#define MCUFORGE_LOOKUP_F32_H

#include <stdint.h>

struct mcuforge_lookup_params {
    int32_t count; /* elements */
};

/*
 * out[i] = table[in[i]], in rising order. The raw byte is the index into table (256). `out` may
 * overlap only elements of `in` that were already read.
 */
void mcuforge_lookup_f32(const int8_t *in, const float *table, float *out,
                         const struct mcuforge_lookup_params *params);

#endif
