/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_BATCH_MATMUL_S8_H
#define MCUFORGE_BATCH_MATMUL_S8_H

#include <stdint.h>

struct mcuforge_batch_matmul_params {
    int32_t batch[3];          /* matrix products, outermost first; 1 where unused */
    int32_t a_batch[3];        /* elements from one matrix to the next; 0: the same matrix */
    int32_t b_batch[3];
    int32_t rows;              /* m */
    int32_t depth;             /* k, products per sum */
    int32_t columns;           /* n */
    int32_t a_row;             /* elements of `a` from row to row: k, or 1 if `a` is transposed */
    int32_t a_step;            /* and along a row: 1, or m if `a` is transposed */
    int32_t b_transposed;      /* 1: `b` is stored (n, k), 0: (k, n) */
    int32_t a_zero_point;
    int32_t b_zero_point;
    int32_t multiplier;
    int32_t shift;
    int32_t output_zero_point;
};

/*
 * a (batches, m, k) or (batches, k, m), b (batches, k, n) or (batches, n, k), out (batches, m, n).
 * Writes a row of `out` four elements at a time, in order. `out` must not overlap bytes of `a` and
 * `b` that this row or a later one needs.
 */
void mcuforge_batch_matmul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                              const struct mcuforge_batch_matmul_params *params);

#endif
