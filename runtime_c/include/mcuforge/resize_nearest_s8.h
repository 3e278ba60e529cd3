/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_RESIZE_NEAREST_S8_H
#define MCUFORGE_RESIZE_NEAREST_S8_H

#include <stdint.h>

struct mcuforge_resize_nearest_params {
    int32_t input[3];       /* h, w, c */
    int32_t output[3];      /* h, w, c */
    const int16_t *rows;    /* (output h): the input row each output row repeats */
    const int16_t *columns; /* (output w): likewise */
};

/*
 * in (h, w, c), out (h, w, c) bytes, int8 or uint8; batch 1.
 * `in` and `out` must not overlap.
 */
void mcuforge_resize_nearest_s8(const void *in, void *out,
                                const struct mcuforge_resize_nearest_params *params);

#endif
