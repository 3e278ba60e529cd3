/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_AVERAGE_F32_H
#define MCUFORGE_AVERAGE_F32_H

#include <stdint.h>

struct mcuforge_average_params {
    int32_t outer;
    int32_t count; /* elements of a mean */
    int32_t inner;
    int32_t bias;  /* minus input zero point * count */
    float scale;   /* of a sum */
};

/* out (outer, inner) = the means of in (outer, count, inner): sums as floats, times the scale. */
void mcuforge_average_f32(const int8_t *in, float *out, const struct mcuforge_average_params *params);

#endif
