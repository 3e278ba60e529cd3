/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_SOFTMAX_QDQ_S8_H
#define MCUFORGE_SOFTMAX_QDQ_S8_H

#include <stdint.h>

struct mcuforge_softmax_qdq_params {
    int32_t rows;
    int32_t depth;      /* up to 32768 */
    int32_t multiplier; /* 1 / (scale of the output), times 2^(31 - shift) */
    int32_t shift;
    int32_t zero_point;
};

/*
 * in, out (rows, depth): softmax over each row, with the output's own scale.
 * exp (256): exp(-i * beta * scale) with 30 fraction bits; i is how far an element lies below the
 * largest of its row. `out` may be `in`: a row is read whole, then each element before it is
 * written.
 */
void mcuforge_softmax_qdq_s8(const int8_t *in, const int32_t *exp, int8_t *out,
                             const struct mcuforge_softmax_qdq_params *params);

#endif
