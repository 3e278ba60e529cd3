/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/strided_copy_s8.h"

#include "../common/move.h"

static void copy_run(const int8_t *in, int8_t *out, int32_t n, int32_t in_step, int32_t out_step)
{
    if (in_step == 1 && out_step == 1) {
        mcuforge_move(out, in, n);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        out[i * out_step] = in[i * in_step];
    }
}

void mcuforge_strided_copy_s8(const void *in, void *out,
                              const struct mcuforge_strided_copy_params *params)
{
    const int32_t *dims = params->dims;
    const int32_t *is = params->in_stride;
    const int32_t *os = params->out_stride;
    const int8_t *from = (const int8_t *)in + params->in_offset;
    int8_t *to = (int8_t *)out + params->out_offset;

    for (int32_t a = 0; a < dims[0]; a++) {
        for (int32_t b = 0; b < dims[1]; b++) {
            for (int32_t c = 0; c < dims[2]; c++) {
                for (int32_t d = 0; d < dims[3]; d++) {
                    const int32_t at = a * is[0] + b * is[1] + c * is[2] + d * is[3];
                    const int32_t target = a * os[0] + b * os[1] + c * os[2] + d * os[3];
                    copy_run(from + at, to + target, dims[4], is[4], os[4]);
                }
            }
        }
    }
}
