/* SPDX-License-Identifier: Apache-2.0 */
/* 16 channels per iteration: a quarter of an instruction per tap. */
#include "mcuforge/max_pool2d_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/clipped_window.h"
#include "mve.h"

enum { LANES = 16 };

void mcuforge_max_pool2d_s8(const int8_t *in, int8_t *out,
                            const struct mcuforge_max_pool2d_params *params, int32_t first_row,
                            int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t channels = params->input[2];
    const int32_t row_size = in_w * channels;
    const int8x16_t low = vdupq_n_s8((int8_t)params->act_min);
    const int8x16_t high = vdupq_n_s8((int8_t)params->act_max);

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
            for (int32_t c = 0; c < channels; c += LANES) {
                const mve_pred16_t p = vctp8q((uint32_t)(channels - c));
                int8x16_t max = low; /* lower values are clamped to it anyway */
                int32_t at = (row + columns.first) * channels + c;
                for (int32_t y = rows.count; y > 0; y--) {
                    const int8_t *tap = in + at;
                    for (int32_t i = columns.count; i > 0; i--) {
                        max = vmaxq_s8(max, vldrbq_z_s8(tap, p));
                        tap += channels;
                    }
                    at = mcuforge_ring_step(at, row_size, params->input_ring * row_size);
                }
                vstrbq_p_s8(to + c, vminq_s8(max, high), p);
            }
            to += channels;
        }
    }
}
