/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/fill_s8.h"

#include <string.h>

void mcuforge_fill_s8(void *out, const struct mcuforge_fill_params *params)
{
    memset(out, params->value, (size_t)params->count);
}
