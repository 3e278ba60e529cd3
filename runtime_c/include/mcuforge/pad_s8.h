/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_PAD_S8_H
#define MCUFORGE_PAD_S8_H

#include <stdint.h>

/* Up to five dimensions, outermost first; unused ones in front have extent 1, no padding. */
struct mcuforge_pad_params {
    int32_t before[5];
    int32_t extent[5]; /* of the input */
    int32_t after[5];
    int32_t value; /* int8 or uint8 */
};

/*
 * out = in (int8 or uint8) with `before` and `after` elements of `value` around it. Walks the
 * output once and reads each line (innermost dimension) before it writes it: `out` may overlap
 * lines of `in` that were already read.
 */
void mcuforge_pad_s8(const void *in, void *out, const struct mcuforge_pad_params *params);

#endif
