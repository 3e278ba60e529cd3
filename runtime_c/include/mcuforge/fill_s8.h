/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_FILL_S8_H
#define MCUFORGE_FILL_S8_H

#include <stdint.h>

struct mcuforge_fill_params {
    int32_t count; /* elements */
    int32_t value; /* int8 or uint8 */
};

/* out (count) = value. */
void mcuforge_fill_s8(void *out, const struct mcuforge_fill_params *params);

#endif
