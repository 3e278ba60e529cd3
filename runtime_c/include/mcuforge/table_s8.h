/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_TABLE_S8_H
#define MCUFORGE_TABLE_S8_H

#include <stdint.h>

struct mcuforge_table_params {
    int32_t count; /* elements */
};

/*
 * out[i] = table[in[i]] on bytes, int8 or uint8: table (256) is indexed by the raw byte.
 * `out` may be `in`.
 */
void mcuforge_table_s8(const void *in, const int8_t *table, void *out,
                       const struct mcuforge_table_params *params);

#endif
