/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_BATCH_MATMUL_S8_H
#define MCUFORGE_BATCH_MATMUL_S8_H

#include <stdint.h>

struct mcuforge_batch_matmul_params {
    int32_t batch[3];          /* products, outermost first; absent outer ones are 1 */
    int32_t a_batch[3];        /* elements from one product's matrix to the next, 0: the same one */
    int32_t b_batch[3];
    int32_t rows;              /* m, of a product */
    int32_t depth;             /* k, products a sum is of */
    int32_t columns;           /* n */
    int32_t a_row;             /* elements of `a` from row to row, and along a row: k and 1, */
    int32_t a_step;            /* or 1 and m where `a` is stored transposed */
    int32_t b_transposed;      /* 1: `b` is stored (n, k), 0: (k, n) */
    int32_t a_zero_point;
    int32_t b_zero_point;
    int32_t multiplier;
    int32_t shift;
    int32_t output_zero_point;
};

/*
 * a (batches, m, k) or (batches, k, m), b (batches, k, n) or (batches, n, k), out (batches, m, n).
 * A row of `out` is written four elements at a time, in order: it must not lie over bytes of `a`
 * and `b` that this row or a later one needs.
 */
void mcuforge_batch_matmul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                              const struct mcuforge_batch_matmul_params *params);

#endif
