/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/table_s8.h"

void mcuforge_table_s8(const void *in, const int8_t *table, void *out,
                       const struct mcuforge_table_params *params)
{
    const uint8_t *from = in;
    int8_t *to = out;
    int32_t n = params->count;
    for (; n >= 8; n -= 8) { /* two loads and a store per element, and little else */
        to[0] = table[from[0]];
        to[1] = table[from[1]];
        to[2] = table[from[2]];
        to[3] = table[from[3]];
        to[4] = table[from[4]];
        to[5] = table[from[5]];
        to[6] = table[from[6]];
        to[7] = table[from[7]];
        from += 8;
        to += 8;
    }
    for (; n > 0; n--) {
        *to++ = table[*from++];
    }
}
