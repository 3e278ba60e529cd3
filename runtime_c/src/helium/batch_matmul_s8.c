/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes four columns at once if `b` is stored transposed: 14 instructions for 64 products. If it
 * is not, computes 16 columns at once, one per lane: 16 instructions for 16 products. If `a` is a
 * softmax, its sum is so small that int16 holds half a row: 12 instructions for 32 products.
 */
#include "mcuforge/batch_matmul_s8.h"

#include <stdbool.h>

#include "../common/products.h"
#include "../common/requantize.h"
#include "mve_scale.h"
#include "mve_sums.h"

enum { LANES = 4, COLUMNS = 16, SHARED_COLUMNS = 32, HALVES = 2 };

/* A sum of shares up to this, times an int8, fits an int16: -128 * 256 is its smallest value. */
enum { MOST_SHARES = 256 };

/* How the sums of a row become outputs. */
struct ending {
    int32_t bias; /* minus the zero point of b * the sum of the row of a */
    struct mcuforge_mve_output output;
};

static inline int32x4_t end(int32x4_t sums, const struct ending *ending)
{
    const int32x4_t whole = vaddq_n_s32(sums, ending->bias);
    return mcuforge_mve_finish(whole, &ending->output);
}

/* Stores `count` elements of a row, or four if there are more. */
static inline void store(int8_t *out, int32x4_t sums, int32_t count, const struct ending *ending)
{
    if (count >= LANES) {
        vstrbq_s32(out, end(sums, ending));
    } else {
        vstrbq_p_s32(out, end(sums, ending), vctp32q((uint32_t)count));
    }
}

#if MCUFORGE_HAS_MVE
#define MCUFORGE_COLUMN(sum, b, more)            \
    "vldrb.8 %q[y], [%[" b "]], #16\n"           \
    "vmladava.s8 " sum ", %q[x], %q[y]\n"        \
    "vmladava.s8 " sum ", %q[z], %q[y]\n" more

/* `more` goes behind each column: the second part of the zero point, if there is one. */
#define MCUFORGE_FOUR_COLUMNS(more0, more1, more2, more3)                                       \
    __asm__ volatile("mov r0, #0\n"                                                             \
                     "mov r2, #0\n"                                                             \
                     "mov r4, #0\n"                                                             \
                     "mov r6, #0\n"                                                             \
                     "wlstp.8 lr, %[n], 2f\n"                                                   \
                     "1: vldrb.8 %q[x], [%[a]], #16\n" MCUFORGE_COLUMN("r0", "b0", more0)        \
                         MCUFORGE_COLUMN("r2", "b1", more1) MCUFORGE_COLUMN("r4", "b2", more2)  \
                             MCUFORGE_COLUMN("r6", "b3", more3) "letp lr, 1b\n"                  \
                     "2: vmov.32 %q[x][0], r0\n"                                                \
                     "vmov.32 %q[x][1], r2\n"                                                   \
                     "vmov.32 %q[x][2], r4\n"                                                   \
                     "vmov.32 %q[x][3], r6"                                                     \
                     : [x] "=&w"(x), [y] "=&w"(y), [a] "+r"(a), [b0] "+r"(b0), [b1] "+r"(b1),   \
                       [b2] "+r"(b2), [b3] "+r"(b3)                                             \
                     : [n] "r"(n), [z] "w"(z), [one] "w"(one)                                   \
                     : "r0", "r2", "r4", "r6", "lr", "cc", "memory")
#define MCUFORGE_MORE(sum) "vmladava.s8 " sum ", %q[one], %q[y]\n"
#endif

/* Sums of (a[i] - zero_point) * b[j][i] for four columns j, one `step` apart. */
static inline int32x4_t four_columns(const int8_t *a, int32_t zero_point, const int8_t *b,
                                     int32_t step, int32_t n)
{
    const int8_t *b0 = b;
    const int8_t *b1 = b + step;
    const int8_t *b2 = b1 + step;
    const int8_t *b3 = b2 + step;
    /* a[i] - zero_point does not fit int8: multiply b by both; 128 does not fit: in two parts */
    const bool two = zero_point == INT8_MIN;
    const int8x16_t z = vdupq_n_s8((int8_t)(two ? INT8_MAX : -zero_point));
    const int8x16_t one = vdupq_n_s8(1);
#if MCUFORGE_HAS_MVE
    int32x4_t x;
    int8x16_t y;
    if (two) {
        MCUFORGE_FOUR_COLUMNS(MCUFORGE_MORE("r0"), MCUFORGE_MORE("r2"), MCUFORGE_MORE("r4"),
                              MCUFORGE_MORE("r6"));
    } else {
        MCUFORGE_FOUR_COLUMNS("", "", "", "");
    }
    return x;
#else
    int32x4_t sums = vdupq_n_s32(0);
    const int8_t *const columns[LANES] = {b0, b1, b2, b3};
    for (int32_t i = 0; i < n; i += 16) {
        const mve_pred16_t p = vctp8q((uint32_t)(n - i));
        const int8x16_t x = vldrbq_z_s8(a + i, p);
        for (int32_t j = 0; j < LANES; j++) {
            const int8x16_t y = vldrbq_z_s8(columns[j] + i, p);
            sums.lane[j] = vmladavaq_s8(vmladavaq_s8(sums.lane[j], x, y), z, y);
            sums.lane[j] = two ? vmladavaq_s8(sums.lane[j], one, y) : sums.lane[j];
        }
    }
    return sums;
#endif
}

static void row_along(const int8_t *a, const int8_t *b, int8_t *out,
                      const struct mcuforge_batch_matmul_params *params,
                      const struct ending *given)
{
    const struct ending ending = *given;
    const int32_t depth = params->depth;
    const int32_t zero_point = params->a_zero_point;
    int32_t left = params->columns;
    for (; left >= LANES; left -= LANES) {
        store(out, four_columns(a, zero_point, b, depth, depth), LANES, &ending);
        b += LANES * depth;
        out += LANES;
    }
    for (; left > 0; left--) {
        store(out, four_columns(a, zero_point, b, 0, depth), 1, &ending);
        b += depth;
        out++;
    }
}

/* sums[j] = sum of (a[i] + 128) * b[i * step + j] for 32 columns j; the sums fit. */
static inline void shared_columns(const int8_t *a, const int8_t *b, int32_t step, int32_t n,
                                  int16_t sums[SHARED_COLUMNS])
{
#if MCUFORGE_HAS_MVE
    int16x8_t s0 = vdupq_n_s16(0);
    int16x8_t s1 = s0;
    int16x8_t s2 = s0;
    int16x8_t s3 = s0;
    int16x8_t x;
    int16x8_t y;
    int32_t share;
    __asm__ volatile("wls lr, %[n], 2f\n"
                     "1: ldrsb %[t], [%[a]], #1\n"
                     "vldrb.s16 %q[x], [%[b]]\n"
                     "vldrb.s16 %q[y], [%[b], #8]\n"
                     "add %[t], %[t], #128\n"
                     "vmla.s16 %q[s0], %q[x], %[t]\n"
                     "vldrb.s16 %q[x], [%[b], #16]\n"
                     "vmla.s16 %q[s1], %q[y], %[t]\n"
                     "vldrb.s16 %q[y], [%[b], #24]\n"
                     "vmla.s16 %q[s2], %q[x], %[t]\n"
                     "add %[b], %[b], %[step]\n"
                     "vmla.s16 %q[s3], %q[y], %[t]\n"
                     "le lr, 1b\n"
                     "2:"
                     : [s0] "+w"(s0), [s1] "+w"(s1), [s2] "+w"(s2), [s3] "+w"(s3), [x] "=&w"(x),
                       [y] "=&w"(y), [a] "+r"(a), [b] "+l"(b), [t] "=&r"(share)
                     : [n] "r"(n), [step] "r"(step)
                     : "lr", "cc", "memory");
    vstrhq_s16(sums, s0);
    vstrhq_s16(sums + 8, s1);
    vstrhq_s16(sums + 16, s2);
    vstrhq_s16(sums + 24, s3);
#else
    for (int32_t j = 0; j < SHARED_COLUMNS; j++) {
        int32_t sum = 0;
        for (int32_t i = 0; i < n; i++) {
            sum += (a[i] - INT8_MIN) * b[i * step + j];
        }
        sums[j] = (int16_t)sum;
    }
#endif
}

static int32_t sum_of(const int8_t *x, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i += 16) {
        sum = vaddvaq_s8(sum, vldrbq_z_s8(x + i, vctp8q((uint32_t)(n - i))));
    }
    return sum;
}

/* Writes the first columns of a row of shares. Returns how many: 0 if `a` is not one. */
static int32_t row_of_shares(const int8_t *a, const int8_t *b, int8_t *out,
                             const struct mcuforge_batch_matmul_params *params,
                             const struct ending *given)
{
    const int32_t columns = params->columns / SHARED_COLUMNS * SHARED_COLUMNS;
    const int32_t half = params->depth / HALVES;
    const int32_t rest = params->depth - half;
    if (params->a_zero_point != INT8_MIN || params->a_step != 1 || columns == 0 ||
        sum_of(a, half) - INT8_MIN * half > MOST_SHARES ||
        sum_of(a + half, rest) - INT8_MIN * rest > MOST_SHARES) {
        return 0;
    }
    const struct ending ending = *given;
    const int8_t *const second = b + half * params->columns;
    int16_t sums[HALVES][SHARED_COLUMNS];
    for (int32_t column = 0; column < columns; column += SHARED_COLUMNS) {
        shared_columns(a, b + column, params->columns, half, sums[0]);
        shared_columns(a + half, second + column, params->columns, rest, sums[1]);
        for (int32_t j = 0; j < SHARED_COLUMNS; j += LANES) {
            const int32x4_t sum = vaddq_s32(vldrhq_s32(sums[0] + j), vldrhq_s32(sums[1] + j));
            vstrbq_s32(out, end(sum, &ending));
            out += LANES;
        }
    }
    return columns;
}

static void row_across(const int8_t *a, const int8_t *b, int8_t *out,
                       const struct mcuforge_batch_matmul_params *params,
                       const struct ending *given)
{
    const struct ending ending = *given;
    const int32_t depth = params->depth;
    const int32_t columns = params->columns;
    const int32_t step = params->a_step;
    const int32_t zero_point = params->a_zero_point;
    const int32_t done = row_of_shares(a, b, out, params, given);
    int32_t left = columns - done;
    b += done;
    out += done;
    for (; left >= COLUMNS; left -= COLUMNS) {
        const int8_t *x = a;
        const int8_t *y = b;
        int32x4_t sums0 = vdupq_n_s32(0);
        int32x4_t sums1 = sums0;
        int32x4_t sums2 = sums0;
        int32x4_t sums3 = sums0;
        for (int32_t i = depth; i > 0; i--) {
            const int32_t factor = *x - zero_point;
            sums0 = vmlaq_n_s32(sums0, vldrbq_s32(y), factor);
            sums1 = vmlaq_n_s32(sums1, vldrbq_s32(y + LANES), factor);
            sums2 = vmlaq_n_s32(sums2, vldrbq_s32(y + 2 * LANES), factor);
            sums3 = vmlaq_n_s32(sums3, vldrbq_s32(y + 3 * LANES), factor);
            x += step;
            y += columns;
        }
        store(out, sums0, LANES, &ending);
        store(out + LANES, sums1, LANES, &ending);
        store(out + 2 * LANES, sums2, LANES, &ending);
        store(out + 3 * LANES, sums3, LANES, &ending);
        out += COLUMNS;
        b += COLUMNS;
    }
    for (; left > 0; left -= LANES) {
        const mve_pred16_t p = vctp32q((uint32_t)left);
        const int8_t *x = a;
        const int8_t *y = b;
        int32x4_t sums = vdupq_n_s32(0);
        for (int32_t i = depth; i > 0; i--) {
            sums = vmlaq_n_s32(sums, vldrbq_z_s32(y, p), *x - zero_point);
            x += step;
            y += columns;
        }
        store(out, sums, left, &ending);
        out += LANES;
        b += LANES;
    }
}

/* For `a` and `b` that are both stored transposed, which is rare. */
static void row_apart(const int8_t *a, const int8_t *b, int8_t *out,
                      const struct mcuforge_batch_matmul_params *params,
                      const struct ending *ending)
{
    for (int32_t column = 0; column < params->columns; column++) {
        const int32_t sum = mcuforge_product_sum(a, b + column * params->depth, params);
        *out++ = mcuforge_output_s8(sum + ending->bias, params->multiplier, params->shift,
                                    params->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

static int32_t row_bias(const int8_t *a, const struct mcuforge_batch_matmul_params *params)
{
    const int32_t depth = params->depth;
    int32_t sum = -params->a_zero_point * depth;
    if (params->a_step == 1) {
        sum += sum_of(a, depth);
    } else {
        for (int32_t i = 0; i < depth; i++) {
            sum += a[i * params->a_step];
        }
    }
    return -params->b_zero_point * sum;
}

static void product(const int8_t *a, const int8_t *b, int8_t *out,
                    const struct mcuforge_batch_matmul_params *params)
{
    struct ending ending = {0,
                            {mcuforge_mve_scale_of(params->multiplier, params->shift),
                             params->output_zero_point, vdupq_n_s32(INT8_MIN),
                             vdupq_n_s32(INT8_MAX)}};
    for (int32_t row = 0; row < params->rows; row++) {
        ending.bias = params->b_zero_point == 0 ? 0 : row_bias(a, params);
        if (params->b_transposed == 0) {
            row_across(a, b, out, params, &ending);
        } else if (params->a_step == 1) {
            row_along(a, b, out, params, &ending);
        } else {
            row_apart(a, b, out, params, &ending);
        }
        a += params->a_row;
        out += params->columns;
    }
}

void mcuforge_batch_matmul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                              const struct mcuforge_batch_matmul_params *params)
{
    const int32_t *batch = params->batch;
    const int32_t *as = params->a_batch;
    const int32_t *bs = params->b_batch;
    for (int32_t i = 0; i < batch[0]; i++) {
        for (int32_t j = 0; j < batch[1]; j++) {
            for (int32_t k = 0; k < batch[2]; k++) {
                product(a + i * as[0] + j * as[1] + k * as[2],
                        b + i * bs[0] + j * bs[1] + k * bs[2], out, params);
                out += params->rows * params->columns;
            }
        }
    }
}
