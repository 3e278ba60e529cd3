/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/table_s8.h"

void mcuforge_table_s8(const void *in, const int8_t *table, void *out,
                       const struct mcuforge_table_params *params)
{
    const uint8_t *from = in;
    int8_t *to = out;
    for (int32_t i = 0; i < params->count; i++) {
        to[i] = table[from[i]];
    }
}
