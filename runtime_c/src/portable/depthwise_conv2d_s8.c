/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/depthwise_conv2d_s8.h"

#include "mcuforge/requantise.h"
#include "mcuforge/tap_range.h"

/* A filter (kh, kw) of one channel and where it stands; all steps in elements. */
struct window {
    struct mcuforge_tap_range rows;
    struct mcuforge_tap_range columns;
    int32_t kernel[2];
    int32_t row_step;
    int32_t column_step;
    int32_t weight_step; /* from one tap's weight to the next */
    int32_t zero_point;
};

/* Sum of the weights of rows [ky, ky_end) and columns [kx, kx_end): taps on padding. */
static int32_t weight_sum(const int8_t *w, int32_t ky, int32_t ky_end, int32_t kx, int32_t kx_end,
                          const struct window *window)
{
    int32_t sum = 0;
    for (; ky < ky_end; ky++) {
        for (int32_t i = kx; i < kx_end; i++) {
            sum += w[(ky * window->kernel[1] + i) * window->weight_step];
        }
    }
    return sum;
}

/*
 * One channel over one window, whose first tap is `corner` elements into `in`, or would be. Padding
 * holds the zero point, which the bias has subtracted for every tap: taps on padding give it back.
 */
static int32_t channel_sum(const int8_t *in, int32_t corner, const int8_t *w,
                           const struct window *window)
{
    const int32_t kernel_h = window->kernel[0];
    const int32_t kernel_w = window->kernel[1];
    const struct mcuforge_tap_range rows = window->rows;
    const struct mcuforge_tap_range columns = window->columns;
    const int32_t column_step = window->column_step;
    const int32_t weight_step = window->weight_step;
    const int32_t count = columns.end - columns.first;
    const int32_t first = corner + columns.first * column_step;
    int32_t sum = 0;
    for (int32_t ky = rows.first; ky < rows.end; ky++) {
        const int8_t *tap = in + first + ky * window->row_step;
        const int8_t *weight = w + (ky * kernel_w + columns.first) * weight_step;
        for (int32_t i = 0; i < count; i++) {
            sum += *tap * *weight;
            tap += column_step;
            weight += weight_step;
        }
    }
    if (count < kernel_w || rows.end - rows.first < kernel_h) {
        const int32_t padding =
            weight_sum(w, 0, rows.first, 0, kernel_w, window) +
            weight_sum(w, rows.first, rows.end, 0, columns.first, window) +
            weight_sum(w, rows.first, rows.end, columns.end, kernel_w, window) +
            weight_sum(w, rows.end, kernel_h, 0, kernel_w, window);
        sum += window->zero_point * padding;
    }
    return sum;
}

void mcuforge_depthwise_conv2d_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                  const struct mcuforge_depthwise_conv2d_params *params)
{
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    struct window window = {
        .kernel = {params->kernel[0], params->kernel[1]},
        .row_step = params->dilation[0] * in_w * in_c,
        .column_step = params->dilation[1] * in_c,
        .weight_step = params->output[2],
        .zero_point = params->input_zero_point,
    };

    for (int32_t oy = 0; oy < params->output[0]; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        window.rows = mcuforge_taps_inside(y0, window.kernel[0], params->dilation[0],
                                           params->input[0]);
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            window.columns =
                mcuforge_taps_inside(x0, window.kernel[1], params->dilation[1], in_w);
            int32_t oc = 0;
            for (int32_t ic = 0; ic < in_c; ic++) {
                const int32_t corner = (y0 * in_w + x0) * in_c + ic;
                for (int32_t m = 0; m < params->depth_multiplier; m++) {
                    const int32_t sum = channel_sum(in, corner, weights + oc, &window);
                    const int32_t acc = mcuforge_wrap_add(params->bias[oc], sum);
                    const int32_t scaled =
                        mcuforge_requantise(acc, params->multiplier[oc], params->shift[oc]);
                    const int32_t value = mcuforge_wrap_add(scaled, params->output_zero_point);
                    *out++ = (int8_t)mcuforge_clamp(value, params->act_min, params->act_max);
                    oc++;
                }
            }
        }
    }
}
