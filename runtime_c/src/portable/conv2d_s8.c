/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/conv2d_s8.h"

#include "mcuforge/requantise.h"

/* sum of x[i] * w[i]: by far the most time is spent in this loop */
static int32_t dot(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

static int32_t sum_of(const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += w[i];
    }
    return sum;
}

/* One filter (kh, kw, group_channels) over the window whose top left tap is (y0, x0). */
static int32_t filter_sum(const int8_t *in, const int8_t *w, int32_t y0, int32_t x0,
                          const struct mcuforge_conv2d_params *params)
{
    const int32_t in_h = params->input[0];
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    const int32_t taps_c = params->group_channels;
    int32_t acc = 0;
    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        const int32_t y = y0 + ky * params->dilation[0];
        for (int32_t kx = 0; kx < params->kernel[1]; kx++) {
            const int32_t x = x0 + kx * params->dilation[1];
            int32_t tap;
            if (y >= 0 && y < in_h && x >= 0 && x < in_w) {
                tap = dot(in + (y * in_w + x) * in_c, w, taps_c);
            } else {
                /* padding holds the zero point, which the bias has subtracted */
                tap = params->input_zero_point * sum_of(w, taps_c);
            }
            acc = mcuforge_wrap_add(acc, tap);
            w += taps_c;
        }
    }
    return acc;
}

void mcuforge_conv2d_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                        const struct mcuforge_conv2d_params *params)
{
    const int32_t filter_size = params->kernel[0] * params->kernel[1] * params->group_channels;

    for (int32_t oy = 0; oy < params->output[0]; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            const int8_t *w = weights; /* walks (co, kh, kw, ci / groups) */
            int32_t oc = 0;
            for (int32_t group = 0; group < params->groups; group++) {
                const int8_t *channels = in + group * params->group_channels;
                for (int32_t filter = 0; filter < params->group_filters; filter++) {
                    const int32_t sum = filter_sum(channels, w, y0, x0, params);
                    const int32_t acc = mcuforge_wrap_add(params->bias[oc], sum);
                    const int32_t scaled =
                        mcuforge_requantise(acc, params->multiplier[oc], params->shift[oc]);
                    const int32_t value = mcuforge_wrap_add(scaled, params->output_zero_point);
                    *out++ = (int8_t)mcuforge_clamp(value, params->act_min, params->act_max);
                    w += filter_size;
                    oc++;
                }
            }
        }
    }
}
