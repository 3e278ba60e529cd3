/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_TABLE_S8_H
#define MCUFORGE_TABLE_S8_H

#include <stdint.h>

struct mcuforge_table_params {
    int32_t count; /* elements */
};

/*
 * out[i] = table[in[i]] for int8 or uint8. The raw byte is the index into table (256).
 * `out` may be `in`.
 */
void mcuforge_table_s8(const void *in, const int8_t *table, void *out,
                       const struct mcuforge_table_params *params);

#endif
