/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/transpose_conv_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/requantize.h"

/* Along one dimension: tap `tap` of the kernel meets `place` of the input, tap + stride the one
 * before, and so on. */
struct meeting {
    int32_t tap;
    int32_t place;
};

/* What reaches one output pixel; sizes and steps in elements. */
struct reach {
    struct meeting row;
    struct meeting column;
    int32_t at; /* of the row's place in the ring */
};

static struct meeting within(int32_t tap, int32_t place, int32_t stride, int32_t size)
{
    while (place >= size) {
        place--;
        tap += stride;
    }
    const struct meeting found = {tap, place};
    return found;
}

static int32_t centred_dot(const int8_t *x, const int8_t *w, int32_t n, int32_t zero_point)
{
    int32_t sum = 0;
    int32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        sum += (x[i] - zero_point) * w[i];
        sum += (x[i + 1] - zero_point) * w[i + 1];
        sum += (x[i + 2] - zero_point) * w[i + 2];
        sum += (x[i + 3] - zero_point) * w[i + 3];
    }
    for (; i < n; i++) {
        sum += (x[i] - zero_point) * w[i];
    }
    return sum;
}

/* Sums the products of one filter over all taps that meet the input; `in`: the group's channels. */
static int32_t taps_sum(const int8_t *in, const int8_t *filter, const struct reach *reach,
                        const struct mcuforge_transpose_conv_params *params)
{
    const int32_t channels = params->group_channels;
    const int32_t pixel = params->input[2];
    const int32_t row = params->input[1] * pixel;
    int32_t at = reach->at;
    int32_t sum = 0;
    int32_t y = reach->row.place;
    for (int32_t ky = reach->row.tap; ky < params->kernel[0] && y >= 0; ky += params->stride[0]) {
        const int8_t *const w = filter + ky * params->kernel[1] * channels;
        int32_t x = reach->column.place;
        for (int32_t kx = reach->column.tap; kx < params->kernel[1] && x >= 0;
             kx += params->stride[1]) {
            sum += centred_dot(in + at + x * pixel, w + kx * channels, channels,
                               params->input_zero_point);
            x--;
        }
        y--;
        at = at < row ? at + (params->input_ring - 1) * row : at - row;
    }
    return sum;
}

void mcuforge_transpose_conv_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                const struct mcuforge_transpose_conv_params *params,
                                int32_t first_row, int32_t end_row)
{
    const int32_t filter_size = params->kernel[0] * params->kernel[1] * params->group_channels;
    const int32_t in_row = params->input[1] * params->input[2];
    const int32_t stride = params->stride[1];

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t below = oy + params->pad[0];
        struct reach reach;
        reach.row = within(below % params->stride[0], below / params->stride[0],
                           params->stride[0], params->input[0]);
        reach.at = mcuforge_ring_row(reach.row.place, params->input_ring) * in_row;
        int8_t *to = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] *
                               params->output[2];
        int32_t tap = params->pad[1] % stride;
        int32_t place = params->pad[1] / stride;
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            reach.column = within(tap, place, stride, params->input[1]);
            const int8_t *filter = weights;
            const int8_t *group = in;
            int32_t oc = 0;
            for (int32_t g = 0; g < params->groups; g++) {
                for (int32_t f = 0; f < params->group_filters; f++) {
                    const int32_t sum = taps_sum(group, filter, &reach, params);
                    *to++ = mcuforge_output_s8(mcuforge_wrap_add(params->bias[oc], sum),
                                               params->multiplier[oc], params->shift[oc],
                                               params->output_zero_point, params->act_min,
                                               params->act_max);
                    filter += filter_size;
                    oc++;
                }
                group += params->group_channels;
            }
            tap++;
            if (tap == stride) {
                tap = 0;
                place++;
            }
        }
    }
}
