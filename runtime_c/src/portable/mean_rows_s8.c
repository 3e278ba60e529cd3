/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mean_rows_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/mean_sums.h"
#include "../common/requantize.h"

static void add_row(const int8_t *row, const struct mcuforge_mean_rows_params *params,
                    int32_t *sums)
{
    const int32_t *stride = params->kept_stride;
    for (int32_t i = 0; i < params->kept[0]; i++) {
        for (int32_t j = 0; j < params->kept[1]; j++) {
            const int8_t *x = row + i * stride[0] + j * stride[1];
            for (int32_t left = params->kept[2]; left > 0;) {
                const int32_t count = mcuforge_means_at_once(left, stride[2]);
                mcuforge_add_block(x, params->reduced, params->reduced_stride, count, sums);
                sums += count;
                x += count * stride[2];
                left -= count;
            }
        }
    }
}

void mcuforge_mean_rows_s8(const int8_t *in, int8_t *out,
                           const struct mcuforge_mean_rows_params *params, void *scratch,
                           int32_t first_row, int32_t end_row)
{
    const int32_t outputs = params->kept[0] * params->kept[1] * params->kept[2];
    int32_t *const sums = scratch;

    if (first_row == 0) {
        for (int32_t i = 0; i < outputs; i++) {
            sums[i] = params->bias;
        }
    }
    for (int32_t y = first_row; y < end_row; y++) {
        const int32_t row = mcuforge_ring_row(y, params->input_ring);
        add_row(in + row * params->row_size, params, sums);
    }
    if (end_row < params->rows) {
        return;
    }
    for (int32_t i = 0; i < outputs; i++) {
        out[i] = mcuforge_output_s8(sums[i], params->multiplier, params->shift,
                                    params->output_zero_point, INT8_MIN, INT8_MAX);
    }
}
