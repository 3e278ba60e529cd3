/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes eight elements of a row of `out` at a time: 26 instructions for 8 products, and one or
 * two per iteration. For outputs of 32 to 64 products that is 4.2 instructions per MAC; portable C
 * takes 4.9.
 */
#include "mcuforge/batch_matmul_s8.h"

#include "../common/noinline.h"
#include "../common/products.h"
#include "../common/requantize.h"
#include "rv32.h"

enum { COLUMNS = 8, STEP = 4 };

/* A row of `a`, and what is the same for all elements of its row of `out`. */
struct row {
    const int8_t *a;
    int32_t bias;
    const struct mcuforge_batch_matmul_params *params;
    struct mcuforge_rv32_channel channel; /* if `usual` */
    bool usual; /* whether mcuforge_rv32_finish() can scale the sums */
};

/* Adds the products of v and one value from each of eight columns. */
#define EIGHT_PRODUCTS(at0, at1, at2, at3, at4, at5, at6, at7) \
    do {                                                       \
        MCUFORGE_LOAD_HERE(w0, at0);                           \
        MCUFORGE_LOAD_HERE(w1, at1);                           \
        MCUFORGE_LOAD_HERE(w2, at2);                           \
        MCUFORGE_LOAD_HERE(w3, at3);                           \
        MCUFORGE_MAC4(s0, s1, s2, s3, w0, w1, w2, w3, v);      \
        MCUFORGE_LOAD_HERE(w0, at4);                           \
        MCUFORGE_LOAD_HERE(w1, at5);                           \
        MCUFORGE_LOAD_HERE(w2, at6);                           \
        MCUFORGE_LOAD_HERE(w3, at7);                           \
        MCUFORGE_MAC4(s4, s5, s6, s7, w0, w1, w2, w3, v);      \
    } while (0)

static MCUFORGE_NOINLINE void finish(const int32_t *sums, int32_t count, const struct row *row,
                                     int8_t *out)
{
    const struct mcuforge_batch_matmul_params *params = row->params;
    const struct mcuforge_rv32_channel channel = row->channel;
    if (row->usual) {
        for (int32_t i = 0; i < count; i++) {
            out[i] = mcuforge_rv32_finish(sums[i], &channel);
        }
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        out[i] = mcuforge_output_s8(sums[i], params->multiplier, params->shift,
                                    params->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

/* Writes `blocks` of eight elements. The columns of `b` are stored one after the other. */
static MCUFORGE_NOINLINE void blocks_of_rows(const struct row *row, const int8_t *b, int32_t blocks,
                                             int8_t *out)
{
    const int32_t zero_point = row->params->a_zero_point;
    const int32_t depth = row->params->depth;
    for (; blocks > 0; blocks--) {
        const int8_t *a = row->a;
        const int8_t *b0 = b, *b1 = b0 + depth, *b2 = b1 + depth, *b3 = b2 + depth;
        const int8_t *b4 = b3 + depth, *b5 = b4 + depth, *b6 = b5 + depth, *b7 = b6 + depth;
        int32_t s0 = row->bias, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        int32_t v, w0, w1, w2, w3;
        int32_t left = depth;
#define VALUE(i)                  \
    MCUFORGE_LOAD_HERE(v, a + i); \
    v -= zero_point;              \
    EIGHT_PRODUCTS(b0 + i, b1 + i, b2 + i, b3 + i, b4 + i, b5 + i, b6 + i, b7 + i)
#define MOVE_ON(n) \
    a += n;        \
    b0 += n;       \
    b1 += n;       \
    b2 += n;       \
    b3 += n;       \
    b4 += n;       \
    b5 += n;       \
    b6 += n;       \
    b7 += n
        for (; left >= STEP; left -= STEP) {
            VALUE(0);
            VALUE(1);
            VALUE(2);
            VALUE(3);
            MOVE_ON(STEP);
        }
        for (; left > 0; left--) {
            VALUE(0);
            MOVE_ON(1);
        }
#undef MOVE_ON
#undef VALUE
        const int32_t sums[] = {s0, s1, s2, s3, s4, s5, s6, s7};
        finish(sums, COLUMNS, row, out);
        b = b7;
        out += COLUMNS;
    }
}

/* Writes `blocks` of eight elements. The columns of `b` are stored side by side. */
static MCUFORGE_NOINLINE void blocks_of_columns(const struct row *row, const int8_t *b,
                                                int32_t blocks, int8_t *out)
{
    const int32_t zero_point = row->params->a_zero_point;
    const int32_t width = row->params->columns;
    for (; blocks > 0; blocks--) {
        const int8_t *a = row->a;
        const int8_t *from = b;
        int32_t s0 = row->bias, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        int32_t v, w0, w1, w2, w3;
        int32_t left = row->params->depth;
#define VALUE(i)                  \
    MCUFORGE_LOAD_HERE(v, a + i); \
    v -= zero_point;              \
    EIGHT_PRODUCTS(from, from + 1, from + 2, from + 3, from + 4, from + 5, from + 6, from + 7); \
    from += width
        for (; left >= STEP; left -= STEP) {
            VALUE(0);
            VALUE(1);
            VALUE(2);
            VALUE(3);
            a += STEP;
        }
        for (; left > 0; left--) {
            VALUE(0);
            a++;
        }
#undef VALUE
        const int32_t sums[] = {s0, s1, s2, s3, s4, s5, s6, s7};
        finish(sums, COLUMNS, row, out);
        b += COLUMNS;
        out += COLUMNS;
    }
}

static void product_row(const int8_t *a, const int8_t *b, int8_t *out,
                        const struct mcuforge_batch_matmul_params *params)
{
    const struct mcuforge_rv32_output output = mcuforge_rv32_output(params->output_zero_point, 1);
    const bool usual = mcuforge_has_scaling(params->shift);
    const int32_t doubled = (int32_t)(2U * (uint32_t)params->multiplier);
    const struct row row = {
        a, mcuforge_product_bias(a, params), params,
        mcuforge_rv32_channel(doubled, usual ? -params->shift : 0, &output), usual};
    const int32_t columns = params->columns;
    const int32_t next_column = params->b_transposed ? params->depth : 1;
    int32_t column = 0;

    if (params->a_step == 1) {
        if (params->b_transposed) {
            blocks_of_rows(&row, b, columns / COLUMNS, out);
        } else {
            blocks_of_columns(&row, b, columns / COLUMNS, out);
        }
        column = columns & -COLUMNS;
    }
    for (; column < columns; column++) {
        const int32_t sum =
            row.bias + mcuforge_product_sum(a, b + column * next_column, params);
        finish(&sum, 1, &row, out + column);
    }
}

void mcuforge_batch_matmul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                              const struct mcuforge_batch_matmul_params *params)
{
    mcuforge_each_product_row(a, b, out, params, product_row);
}
