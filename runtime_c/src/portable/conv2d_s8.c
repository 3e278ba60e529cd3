/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/conv2d_s8.h"

#include <stdbool.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/dot.h"
#include "../common/requantize.h"
#include "../common/tap_range.h"

/* A filter (kh, kw, group_channels) at one window; sizes and steps in elements. */
struct window {
    struct mcuforge_tap_range rows;
    struct mcuforge_tap_range columns;
    int32_t kernel_h;
    int32_t kernel_row;  /* size of a row of weights */
    int32_t channels;
    int32_t runs;        /* runs of neighbours in a row of taps on the image: one, or one per tap */
    int32_t run;         /* size of a run; 0 if no tap is on the image */
    int32_t column_step; /* from run to run */
    int32_t row_step;
    int32_t ring;        /* size of the input's buffer */
};

/* Sums the products of the taps on the image. The first one is `at` elements into `in`. */
static int32_t taps_sum(const int8_t *in, int32_t at, const int8_t *w, const struct window *window)
{
    const int32_t run = window->run;
    int32_t sum = 0;
    w += window->rows.first * window->kernel_row + window->columns.first * window->channels;
    for (int32_t rows = window->rows.end - window->rows.first; rows > 0; rows--) {
        const int8_t *x = in + at;
        sum += mcuforge_dot_s8(x, w, run);
        for (int32_t i = 1; i < window->runs; i++) {
            x += window->column_step;
            sum += mcuforge_dot_s8(x, w + i * run, run);
        }
        w += window->kernel_row;
        at = mcuforge_ring_step(at, window->row_step, window->ring);
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

/*
 * Sums the weights of taps on padding. The bias subtracts the zero point for every tap. Padding is
 * the zero point, so zero point * this sum must be added again.
 */
static int32_t padding_sum(const int8_t *w, const struct window *window)
{
    const int32_t row = window->kernel_row;
    const int32_t left = window->columns.first * window->channels;
    const int32_t right = window->columns.end * window->channels;
    int32_t sum = sum_of(w, window->rows.first * row);
    for (int32_t ky = window->rows.first; ky < window->rows.end; ky++) {
        sum += sum_of(w + ky * row, left) + sum_of(w + ky * row + right, row - right);
    }
    return sum + sum_of(w + window->rows.end * row, (window->kernel_h - window->rows.end) * row);
}

void mcuforge_conv2d_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                        const struct mcuforge_conv2d_params *params, int32_t first_row,
                        int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    const int32_t kernel_w = params->kernel[1];
    struct window window = {
        .kernel_h = params->kernel[0],
        .kernel_row = kernel_w * params->group_channels,
        .channels = params->group_channels,
        .column_step = params->dilation[1] * in_c,
        .row_step = params->dilation[0] * in_w * in_c,
        .ring = params->input_ring * in_w * in_c,
    };
    const int32_t filter_size = window.kernel_h * window.kernel_row;
    const bool touching = window.column_step == window.channels;

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        window.rows = mcuforge_taps_inside(y0, window.kernel_h, params->dilation[0],
                                           params->input[0]);
        const int32_t y = y0 + window.rows.first * params->dilation[0];
        const int32_t row = mcuforge_ring_row(y, params->input_ring) * in_w;
        int8_t *to = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] *
                               params->output[2];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            window.columns = mcuforge_taps_inside(x0, kernel_w, params->dilation[1], in_w);
            const int32_t columns = window.columns.end - window.columns.first;
            window.runs = touching || columns == 0 ? 1 : columns;
            window.run = touching || columns == 0 ? columns * window.channels : window.channels;
            const bool inside = columns == kernel_w &&
                                window.rows.end - window.rows.first == window.kernel_h;
            const int32_t x = x0 + window.columns.first * params->dilation[1];
            const int8_t *w = weights; /* walks (co, kh, kw, ci / groups) */
            int32_t at = (row + x) * in_c;
            int32_t oc = 0;
            for (int32_t group = 0; group < params->groups; group++) {
                for (int32_t filter = 0; filter < params->group_filters; filter++) {
                    int32_t sum = taps_sum(in, at, w, &window);
                    if (!inside) {
                        sum += params->input_zero_point * padding_sum(w, &window);
                    }
                    *to++ = mcuforge_output_s8(mcuforge_wrap_add(params->bias[oc], sum),
                                               params->multiplier[oc], params->shift[oc],
                                               params->output_zero_point, params->act_min,
                                               params->act_max);
                    w += filter_size;
                    oc++;
                }
                at += window.channels;
            }
        }
    }
}
