/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/fully_connected_rows_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/dot.h"
#include "../common/requantize.h"

void mcuforge_fully_connected_rows_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                      const struct mcuforge_fully_connected_rows_params *params,
                                      void *scratch, int32_t first_row, int32_t end_row)
{
    const int32_t outputs = params->out_features;
    const int32_t size = params->row_features;
    int32_t *const sums = scratch;

    if (first_row == 0) {
        for (int32_t o = 0; o < outputs; o++) {
            sums[o] = params->bias[o];
        }
    }
    for (int32_t y = first_row; y < end_row; y++) {
        const int8_t *x = in + mcuforge_ring_row(y, params->input_ring) * size;
        const int8_t *w = weights + y * size;
        for (int32_t o = 0; o < outputs; o++) {
            sums[o] = mcuforge_wrap_add(sums[o], mcuforge_dot_s8(x, w, size));
            w += params->rows * size;
        }
    }
    if (end_row < params->rows) {
        return;
    }
    for (int32_t o = 0; o < outputs; o++) {
        const int32_t m = o * params->multiplier_step;
        out[o] = mcuforge_output_s8(sums[o], params->multiplier[m], params->shift[m],
                                    params->output_zero_point, params->act_min, params->act_max);
    }
}
