/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/resize_nearest_s8.h"

#include <string.h>

void mcuforge_resize_nearest_s8(const void *in, void *out,
                                const struct mcuforge_resize_nearest_params *params)
{
    const int32_t in_w = params->input[1];
    const int32_t out_w = params->output[1];
    const int32_t channels = params->output[2];
    const int32_t out_row = out_w * channels; /* bytes */
    int8_t *to = out;

    for (int32_t y = 0; y < params->output[0]; y++) {
        if (y > 0 && params->rows[y] == params->rows[y - 1]) {
            memcpy(to, to - out_row, (size_t)out_row);
            to += out_row;
            continue;
        }
        const int8_t *row = (const int8_t *)in + params->rows[y] * in_w * channels;
        for (int32_t x = 0; x < out_w; x++) {
            memcpy(to, row + params->columns[x] * channels, (size_t)channels);
            to += channels;
        }
    }
}
