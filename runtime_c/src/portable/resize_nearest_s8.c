/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/resize_nearest_s8.h"

#include <string.h>

#include "mcuforge/pipeline/ring.h"

void mcuforge_resize_nearest_s8(const void *in, void *out,
                                const struct mcuforge_resize_nearest_params *params,
                                int32_t first_row, int32_t end_row)
{
    const int32_t out_w = params->output[1];
    const int32_t channels = params->output[2];
    const int32_t in_row = params->input[1] * channels; /* bytes */
    const int32_t out_row = out_w * channels;
    const int8_t *above = NULL; /* the last row of `out` that this call wrote */

    for (int32_t y = first_row; y < end_row; y++) {
        int8_t *const row = (int8_t *)out + mcuforge_ring_row(y, params->output_ring) * out_row;
        if (above != NULL && params->rows[y] == params->rows[y - 1]) {
            memcpy(row, above, (size_t)out_row);
        } else {
            const int32_t source = mcuforge_ring_row(params->rows[y], params->input_ring);
            const int8_t *from = (const int8_t *)in + source * in_row;
            int8_t *to = row;
            for (int32_t x = 0; x < out_w; x++) {
                memcpy(to, from + params->columns[x] * channels, (size_t)channels);
                to += channels;
            }
        }
        above = row;
    }
}
