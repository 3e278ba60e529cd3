/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/add_s8.h"

#include "../common/two_scale_rows.h"

void mcuforge_add_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_add_params *params)
{
    const struct mcuforge_input of_a = {a, params->stride_a, params->zero_point_a,
                                        params->multiplier_a, params->shift_a};
    const struct mcuforge_input of_b = {b, params->stride_b, params->zero_point_b,
                                        params->multiplier_b, params->shift_b};
    const struct mcuforge_output output = {params->output_zero_point, params->output_multiplier,
                                           params->output_shift, params->act_min, params->act_max};
    mcuforge_two_scale_rows(&of_a, &of_b, out, params->dims, &output, MCUFORGE_SUM);
}
