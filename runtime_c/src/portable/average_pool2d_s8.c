/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/average_pool2d_s8.h"

#include "mcuforge/clipped_window.h"
#include "mcuforge/requantise.h"

enum { RECIPROCAL_BITS = 24 };

/* The sum of (rows, columns) taps of one channel; `x` is the top left one. */
static int32_t sum_of(const int8_t *x, int32_t rows, int32_t columns,
                      const struct mcuforge_average_pool2d_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    int32_t sum = 0;
    for (int32_t y = 0; y < rows; y++) {
        const int8_t *tap = x + y * row_size;
        for (int32_t i = 0; i < columns; i++) {
            sum += *tap;
            tap += channels;
        }
    }
    return sum;
}

/*
 * round(sum / count), halves away from zero; `reciprocal` is 2^24 / count, rounded down.
 *
 * For |sum| <= 128 * count and count <= 2^16 the product stays below 2^32 and the quotient it
 * gives is the true one or one less, which the remainder tells.
 */
static int32_t divide(int32_t sum, int32_t count, uint32_t reciprocal)
{
    const uint32_t divisor = (uint32_t)count;
    const uint32_t dividend = (uint32_t)(sum < 0 ? -sum : sum) + divisor / 2;
    uint32_t quotient = (dividend * reciprocal) >> RECIPROCAL_BITS;
    if (dividend - quotient * divisor >= divisor) {
        quotient++;
    }
    return sum < 0 ? -(int32_t)quotient : (int32_t)quotient;
}

void mcuforge_average_pool2d_s8(const int8_t *in, int8_t *out,
                                const struct mcuforge_average_pool2d_params *params)
{
    const int32_t in_w = params->input[1];
    const int32_t channels = params->input[2];

    for (int32_t oy = 0; oy < params->output[0]; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        const struct mcuforge_clipped_window rows =
            mcuforge_clip_window(y0, params->kernel[0], params->input[0]);
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            const struct mcuforge_clipped_window columns =
                mcuforge_clip_window(x0, params->kernel[1], in_w);
            const int32_t count = rows.count * columns.count;
            const uint32_t reciprocal = (UINT32_C(1) << RECIPROCAL_BITS) / (uint32_t)count;
            const int8_t *x = in + (rows.first * in_w + columns.first) * channels;
            for (int32_t c = 0; c < channels; c++) {
                const int32_t sum = sum_of(x + c, rows.count, columns.count, params);
                const int32_t average = divide(sum, count, reciprocal);
                *out++ = (int8_t)mcuforge_clamp(average, params->act_min, params->act_max);
            }
        }
    }
}
