/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_PAD_S8_H
#define MCUFORGE_PAD_S8_H

#include <stdint.h>

/* Up to five dimensions, outermost first; absent outer ones have extent 1 and no padding. */
struct mcuforge_pad_params {
    int32_t before[5];
    int32_t extent[5]; /* of the input */
    int32_t after[5];
    int32_t value; /* of int8 or uint8 */
};

/*
 * out = in with `before` and `after` elements of `value` around it, bytes of int8 or uint8. Walks
 * the output once; a line, its innermost dimension, is read before it is written, so `out` may lie
 * over lines of `in` that are done with.
 */
void mcuforge_pad_s8(const void *in, void *out, const struct mcuforge_pad_params *params);

#endif
