/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/depthwise_conv2d_s8.h"

#include <stdbool.h>

#include "mcuforge/requantise.h"

/* One channel over a window that lies wholly inside the image; `x` is its top left tap. */
static int32_t inner_sum(const int8_t *x, const int8_t *w,
                         const struct mcuforge_depthwise_conv2d_params *params)
{
    const int32_t row = params->dilation[0] * params->input[1] * params->input[2];
    const int32_t column = params->dilation[1] * params->input[2];
    const int32_t out_c = params->output[2];
    int32_t sum = 0;
    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        const int8_t *tap = x + ky * row;
        for (int32_t kx = 0; kx < params->kernel[1]; kx++) {
            sum += *tap * *w;
            tap += column;
            w += out_c;
        }
    }
    return sum;
}

/* The same where the window hangs over the edge: padding holds the zero point. */
static int32_t border_sum(const int8_t *in, const int8_t *w, int32_t y0, int32_t x0,
                          const struct mcuforge_depthwise_conv2d_params *params)
{
    const int32_t in_h = params->input[0];
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    const int32_t out_c = params->output[2];
    int32_t sum = 0;
    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        const int32_t y = y0 + ky * params->dilation[0];
        for (int32_t kx = 0; kx < params->kernel[1]; kx++) {
            const int32_t x = x0 + kx * params->dilation[1];
            const bool inside = y >= 0 && y < in_h && x >= 0 && x < in_w;
            const int32_t tap = inside ? in[(y * in_w + x) * in_c] : params->input_zero_point;
            sum += tap * *w;
            w += out_c;
        }
    }
    return sum;
}

void mcuforge_depthwise_conv2d_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                  const struct mcuforge_depthwise_conv2d_params *params)
{
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    const int32_t span_y = (params->kernel[0] - 1) * params->dilation[0];
    const int32_t span_x = (params->kernel[1] - 1) * params->dilation[1];

    for (int32_t oy = 0; oy < params->output[0]; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        const bool rows_inside = y0 >= 0 && y0 + span_y < params->input[0];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            const bool inside = rows_inside && x0 >= 0 && x0 + span_x < in_w;
            int32_t oc = 0;
            for (int32_t ic = 0; ic < in_c; ic++) {
                for (int32_t m = 0; m < params->depth_multiplier; m++) {
                    const int32_t sum =
                        inside ? inner_sum(in + (y0 * in_w + x0) * in_c + ic, weights + oc, params)
                               : border_sum(in + ic, weights + oc, y0, x0, params);
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
