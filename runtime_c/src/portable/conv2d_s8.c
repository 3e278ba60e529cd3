/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/conv2d_s8.h"

#include "mcuforge/dot.h"
#include "mcuforge/requantise.h"
#include "mcuforge/tap_range.h"

/* A filter (kh, kw, group_channels) and where it stands; all steps in elements. */
struct window {
    struct mcuforge_tap_range rows;
    struct mcuforge_tap_range columns;
    int32_t kernel[2];
    int32_t channels;
    int32_t row_step;
    int32_t column_step;
    int32_t zero_point;
};

static int32_t sum_of(const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += w[i];
    }
    return sum;
}

/* One row of taps, on the image; `x` is its first tap on the image, `w` its weights. */
static int32_t row_sum(const int8_t *x, const int8_t *w, const struct window *window)
{
    const int32_t channels = window->channels;
    const int32_t first = window->columns.first;
    const int32_t end = window->columns.end;
    int32_t sum = 0;
    if (window->column_step == channels) { /* the taps touch: one run */
        sum = mcuforge_dot_s8(x, w + first * channels, (end - first) * channels);
    } else {
        for (int32_t kx = first; kx < end; kx++) {
            sum = mcuforge_wrap_add(sum, mcuforge_dot_s8(x, w + kx * channels, channels));
            x += window->column_step;
        }
    }
    if (end - first < window->kernel[1]) {
        const int32_t right = window->kernel[1] - end;
        const int32_t padding =
            sum_of(w, first * channels) + sum_of(w + end * channels, right * channels);
        sum = mcuforge_wrap_add(sum, window->zero_point * padding);
    }
    return sum;
}

/*
 * One filter over one window, whose first tap is `corner` elements into `in`, or would be. Padding
 * holds the zero point, which the bias has subtracted for every tap: taps on padding give it back.
 */
static int32_t filter_sum(const int8_t *in, int32_t corner, const int8_t *w,
                          const struct window *window)
{
    const int32_t first = corner + window->columns.first * window->column_step;
    const int32_t row = window->kernel[1] * window->channels;
    const int32_t below = window->kernel[0] - window->rows.end;
    int32_t acc = mcuforge_wrap_mul(window->zero_point, sum_of(w, window->rows.first * row));
    for (int32_t ky = window->rows.first; ky < window->rows.end; ky++) {
        const int32_t sum = row_sum(in + first + ky * window->row_step, w + ky * row, window);
        acc = mcuforge_wrap_add(acc, sum);
    }
    const int32_t padding = sum_of(w + window->rows.end * row, below * row);
    return mcuforge_wrap_add(acc, mcuforge_wrap_mul(window->zero_point, padding));
}

void mcuforge_conv2d_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                        const struct mcuforge_conv2d_params *params)
{
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    const int32_t filter_size = params->kernel[0] * params->kernel[1] * params->group_channels;
    struct window window = {
        .kernel = {params->kernel[0], params->kernel[1]},
        .channels = params->group_channels,
        .row_step = params->dilation[0] * in_w * in_c,
        .column_step = params->dilation[1] * in_c,
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
            const int8_t *w = weights; /* walks (co, kh, kw, ci / groups) */
            int32_t oc = 0;
            for (int32_t group = 0; group < params->groups; group++) {
                const int32_t corner = (y0 * in_w + x0) * in_c + group * window.channels;
                for (int32_t filter = 0; filter < params->group_filters; filter++) {
                    const int32_t sum = filter_sum(in, corner, w, &window);
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
