/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels per iteration: half an instruction per tap. */
#include "mcuforge/average_pool2d_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/average.h"
#include "../common/clipped_window.h"
#include "mve_average.h"

enum { LANES = 4 };

/* The sums of four channels over (rows, columns). The first tap is `at` elements into `in`. */
static inline int32x4_t sums_of(const int8_t *in, int32_t at, int32_t rows, int32_t columns,
                                mve_pred16_t p,
                                const struct mcuforge_average_pool2d_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    int32x4_t sums = vdupq_n_s32(0);
    for (; rows > 0; rows--) {
        const int8_t *tap = in + at;
        for (int32_t i = columns; i > 0; i--) {
            sums = vaddq_s32(sums, vldrbq_z_s32(tap, p));
            tap += channels;
        }
        at = mcuforge_ring_step(at, row_size, params->input_ring * row_size);
    }
    return sums;
}

void mcuforge_average_pool2d_s8(const int8_t *in, int8_t *out,
                                const struct mcuforge_average_pool2d_params *params,
                                int32_t first_row, int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t channels = params->input[2];
    const int32_t zero = params->zero_point;
    const int32x4_t low = vdupq_n_s32(params->act_min);
    const int32x4_t high = vdupq_n_s32(params->act_max);

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        const struct mcuforge_clipped_window rows =
            mcuforge_clip_window(y0, params->kernel[0], params->input[0]);
        const int32_t row = mcuforge_ring_row(rows.first, params->input_ring) * in_w;
        int8_t *to =
            out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * channels;
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            const struct mcuforge_clipped_window columns =
                mcuforge_clip_window(x0, params->kernel[1], in_w);
            const int32_t count = rows.count * columns.count;
            const int32_t reciprocal = (int32_t)mcuforge_average_reciprocal(count);
            const int32_t zeros = count * zero;
            const int32_t odd = params->to_even & ~count;
            const int32_t at = (row + columns.first) * channels;
            for (int32_t c = 0; c < channels; c += LANES) {
                const mve_pred16_t p = vctp32q((uint32_t)(channels - c));
                const int32x4_t sums =
                    sums_of(in, at + c, rows.count, columns.count, p, params);
                const int32x4_t average = vaddq_n_s32(
                    mcuforge_mve_average(vaddq_n_s32(sums, -zeros), count, reciprocal, odd), zero);
                vstrbq_p_s32(to + c, vminq_s32(vmaxq_s32(average, low), high), p);
            }
            to += channels;
        }
    }
}
