/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/depthwise_conv2d_s8.h"

#include <stdbool.h>

#include "../common/depthwise_window.h"
#include "../common/requantize.h"

void mcuforge_depthwise_conv2d_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                  const struct mcuforge_depthwise_conv2d_params *params,
                                  int32_t first_row, int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t in_c = params->input[2];
    struct mcuforge_depthwise_window window = {
        .kernel = {params->kernel[0], params->kernel[1]},
        .row_step = params->dilation[0] * in_w * in_c,
        .column_step = params->dilation[1] * in_c,
        .weight_step = params->output[2],
        .ring = params->input_ring * in_w * in_c,
    };

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        window.rows = mcuforge_taps_inside(y0, window.kernel[0], params->dilation[0],
                                           params->input[0]);
        const int32_t y = y0 + window.rows.first * params->dilation[0];
        const int32_t row = mcuforge_ring_row(y, params->input_ring) * in_w;
        int8_t *to = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] *
                               params->output[2];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            window.columns =
                mcuforge_taps_inside(x0, window.kernel[1], params->dilation[1], in_w);
            const int32_t x = x0 + window.columns.first * params->dilation[1];
            const int32_t pixel = (row + x) * in_c;
            const bool inside =
                window.columns.end - window.columns.first == window.kernel[1] &&
                window.rows.end - window.rows.first == window.kernel[0];
            int32_t oc = 0;
            for (int32_t ic = 0; ic < in_c; ic++) {
                for (int32_t m = 0; m < params->depth_multiplier; m++) {
                    const int8_t *w = weights + oc;
                    int32_t sum = mcuforge_depthwise_taps(in, pixel + ic, w, &window);
                    if (!inside) {
                        sum += params->input_zero_point * mcuforge_depthwise_padding(w, &window);
                    }
                    const int32_t acc = mcuforge_wrap_add(params->bias[oc], sum);
                    *to++ = mcuforge_output_s8(acc, params->multiplier[oc], params->shift[oc],
                                               params->output_zero_point, params->act_min,
                                               params->act_max);
                    oc++;
                }
            }
        }
    }
}
