/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/pad_s8.h"

#include <stdbool.h>
#include <string.h>

#include "../common/move.h"

enum { LINE = 4 }; /* the innermost dimension */

static bool inside(int32_t i, int32_t dim, const struct mcuforge_pad_params *params)
{
    return i >= params->before[dim] && i < params->before[dim] + params->extent[dim];
}

static int32_t padded(int32_t dim, const struct mcuforge_pad_params *params)
{
    return params->before[dim] + params->extent[dim] + params->after[dim];
}

void mcuforge_pad_s8(const void *in, void *out, const struct mcuforge_pad_params *params)
{
    const int32_t before = params->before[LINE];
    const int32_t n = params->extent[LINE];
    const int32_t after = params->after[LINE];
    const int32_t value = params->value;
    const int8_t *from = in;
    int8_t *to = out;

    for (int32_t a = 0; a < padded(0, params); a++) {
        for (int32_t b = 0; b < padded(1, params); b++) {
            for (int32_t c = 0; c < padded(2, params); c++) {
                for (int32_t d = 0; d < padded(3, params); d++) {
                    if (inside(a, 0, params) && inside(b, 1, params) && inside(c, 2, params) &&
                        inside(d, 3, params)) {
                        mcuforge_move(to + before, from, n); /* first: padding may overwrite it */
                        memset(to, value, (size_t)before);
                        memset(to + before + n, value, (size_t)after);
                        from += n;
                    } else {
                        memset(to, value, (size_t)(before + n + after));
                    }
                    to += before + n + after;
                }
            }
        }
    }
}
