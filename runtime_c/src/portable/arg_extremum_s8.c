/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/arg_extremum_s8.h"

void mcuforge_arg_extremum_s8(const int8_t *in, int32_t *out,
                              const struct mcuforge_arg_extremum_params *params)
{
    const int32_t inner = params->inner;
    const int32_t flip = params->flip;
    const int32_t tie = params->last; /* added to a value, it wins over an equal one */

    for (int32_t o = 0; o < params->outer; o++) {
        for (int32_t i = 0; i < inner; i++) {
            const int8_t *x = in + i;
            int32_t largest = INT8_MIN - 1;
            int32_t place = 0;
            for (int32_t n = 0; n < params->along; n++) {
                const int32_t value = *x ^ flip;
                if (value + tie > largest) {
                    largest = value;
                    place = n;
                }
                x += inner;
            }
            *out++ = place;
        }
        in += params->along * inner;
    }
}
