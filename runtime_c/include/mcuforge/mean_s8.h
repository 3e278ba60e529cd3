/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_MEAN_S8_H
#define MCUFORGE_MEAN_S8_H

#include <stdint.h>

/*
 * The input's dimensions in two groups: those that are kept and those that are averaged. Neighbours
 * of one group are merged. Outermost first; unused ones in front have size 1. Strides in elements.
 */
struct mcuforge_mean_params {
    int32_t kept[3];
    int32_t kept_stride[3];
    int32_t reduced[3];
    int32_t reduced_stride[3];
    int32_t bias;              /* minus input zero point * number of averaged elements */
    int32_t multiplier;        /* includes 1 / number of averaged elements */
    int32_t shift;
    int32_t output_zero_point;
};

/* out (kept[0], kept[1], kept[2]) = the mean over the reduced dimensions; must not overlap `in`. */
void mcuforge_mean_s8(const int8_t *in, int8_t *out, const struct mcuforge_mean_params *params);

#endif
