/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/depthwise_conv2d_rows_s8.h"

#include "../common/depthwise_window.h"
#include "../common/requantize.h"

/* Starts the sums with the bias and the taps on padding. */
static void start_sums(const int8_t *weights, const struct mcuforge_depthwise_conv2d_params *params,
                       struct mcuforge_depthwise_window window, int32_t *sums)
{
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        const int32_t x0 = ox * params->stride[1] - params->pad[1];
        window.columns = mcuforge_taps_inside(x0, window.kernel[1], params->dilation[1],
                                              params->input[1]);
        for (int32_t oc = 0; oc < params->output[2]; oc++) {
            const int32_t padding = mcuforge_depthwise_padding(weights + oc, &window);
            *sums++ =
                mcuforge_wrap_add(params->bias[oc], params->input_zero_point * padding);
        }
    }
}

/* Adds the products of the rows of a window. Its first row is at row `row` of the ring. */
static void add_rows(const int8_t *in, int32_t row, const int8_t *weights,
                     const struct mcuforge_depthwise_conv2d_params *params,
                     struct mcuforge_depthwise_window window, int32_t *sums)
{
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        const int32_t x0 = ox * params->stride[1] - params->pad[1];
        window.columns = mcuforge_taps_inside(x0, window.kernel[1], params->dilation[1], in_w);
        const int32_t x = x0 + window.columns.first * params->dilation[1];
        const int32_t pixel = (row * in_w + x) * in_c;
        const int8_t *w = weights;
        for (int32_t ic = 0; ic < in_c; ic++) {
            for (int32_t m = 0; m < params->depth_multiplier; m++) {
                const int32_t sum = mcuforge_depthwise_taps(in, pixel + ic, w++, &window);
                *sums = mcuforge_wrap_add(*sums, sum);
                sums++;
            }
        }
    }
}

static void write_outputs(const int32_t *sums, int8_t *out,
                          const struct mcuforge_depthwise_conv2d_params *params)
{
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        for (int32_t oc = 0; oc < params->output[2]; oc++) {
            *out++ = mcuforge_output_s8(*sums++, params->multiplier[oc], params->shift[oc],
                                        params->output_zero_point, params->act_min,
                                        params->act_max);
        }
    }
}

void mcuforge_depthwise_conv2d_rows_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                       const struct mcuforge_depthwise_conv2d_params *params,
                                       void *scratch, int32_t first_row, int32_t end_row)
{
    const int32_t dilation = params->dilation[0];
    const int32_t row_step = params->input[1] * params->input[2];
    int32_t *const sums = scratch;
    struct mcuforge_depthwise_window window = {
        .rows = mcuforge_taps_inside(-params->pad[0], params->kernel[0], dilation,
                                     params->input[0]),
        .kernel = {params->kernel[0], params->kernel[1]},
        .row_step = dilation * row_step,
        .column_step = params->dilation[1] * params->input[2],
        .weight_step = params->output[2],
        .ring = params->input_ring * row_step,
    };

    if (first_row == 0) {
        start_sums(weights, params, window, sums);
    }
    int32_t y = window.rows.first * dilation - params->pad[0]; /* the first tap's row */
    for (; window.rows.first < window.rows.end && y < first_row; y += dilation) {
        window.rows.first++;
    }
    const struct mcuforge_tap_range here =
        mcuforge_taps_inside(y, window.rows.end - window.rows.first, dilation, end_row);
    window.rows.end = window.rows.first + here.end;
    if (window.rows.first < window.rows.end) {
        add_rows(in, mcuforge_ring_row(y, params->input_ring), weights, params, window, sums);
    }
    if (end_row == params->input[0]) {
        write_outputs(sums, out, params);
    }
}
