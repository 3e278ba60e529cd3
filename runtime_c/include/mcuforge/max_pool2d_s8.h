/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_MAX_POOL2D_S8_H
#define MCUFORGE_MAX_POOL2D_S8_H

#include <stdint.h>

struct mcuforge_max_pool2d_params {
    int32_t input[3];  /* h, w, c */
    int32_t output[2]; /* h, w */
    int32_t kernel[2]; /* vertical, horizontal */
    int32_t stride[2];
    int32_t pad[2];    /* top, left; every window covers part of the image */
    int32_t act_min;
    int32_t act_max;
};

/*
 * out = the largest tap of each window.
 * in (h, w, c), out (h, w, c); batch 1. `in` and `out` must not overlap.
 */
void mcuforge_max_pool2d_s8(const int8_t *in, int8_t *out,
                             const struct mcuforge_max_pool2d_params *params);

#endif
