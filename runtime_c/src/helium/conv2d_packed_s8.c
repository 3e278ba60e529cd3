/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers windows in scratch, two at a time, across the ends of output rows, so that the loop needs
 * no code for padding and dilation. Four filters per iteration: 16 instructions for 128 products.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer") /* full_groups() needs its register */
#endif

#include "mcuforge/conv2d_packed_s8.h"

#include <stdbool.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/noinline.h"
#include "../common/tap_range.h"
#include "mve_sums.h"

enum { FILTERS = 4 };

/* Gathers a row of taps with padding or gaps. `from` is the first tap. */
static void gather_odd_row(int8_t *to, const int8_t *from, struct mcuforge_tap_range columns,
                           const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t step = params->dilation[1] * channels;
    mcuforge_mve_fill(to, params->input_zero_point, params->kernel[1] * channels);
    for (int32_t column = columns.first; column < columns.end; column++) {
        mcuforge_mve_copy(to + column * channels, from + column * step, channels);
    }
}

/* Gathers a window with padding or gaps that begins at (y, x) of the image. */
static MCUFORGE_NOINLINE void
gather_odd(int8_t *to, const int8_t *in, int32_t y, int32_t x,
           const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    const int32_t end = y + params->kernel[0] * params->dilation[0];
    const struct mcuforge_tap_range columns =
        mcuforge_taps_inside(x, params->kernel[1], params->dilation[1], params->input[1]);
    for (; y < end; y += params->dilation[0]) {
        if (y < 0 || y >= params->input[0]) {
            mcuforge_mve_fill(to, params->input_zero_point, params->kernel[1] * channels);
        } else {
            const int32_t row = mcuforge_ring_row(y, params->input_ring) * row_size;
            gather_odd_row(to, in + row + x * channels, columns, params);
        }
        to += params->kernel[1] * channels;
    }
}

/* What is the same for all windows of an output row. */
struct row {
    int32_t y;       /* image row where they begin */
    int32_t at;      /* the same row in the input's buffer */
    int32_t step;    /* from there to the next row of taps */
    int32_t ring;    /* elements of the buffer */
    int32_t size;    /* elements of a row of taps */
    int32_t whole;   /* windows that begin in columns [0, whole) have no padding and no gaps */
};

static struct row row_of(int32_t oy, const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t row_size = params->input[1] * params->input[2];
    const int32_t y = oy * params->stride[0] - params->pad[0];
    const int32_t last = y + (params->kernel[0] - 1) * params->dilation[0];
    const bool whole = y >= 0 && last < params->input[0] &&
                       (params->dilation[1] == 1 || params->kernel[1] == 1);
    const struct row row = {
        .y = y,
        .at = whole ? mcuforge_ring_row(y, params->input_ring) * row_size : 0,
        .step = params->dilation[0] * row_size,
        .ring = params->input_ring * row_size,
        .size = params->kernel[1] * params->input[2],
        .whole = whole ? params->input[1] - params->kernel[1] + 1 : 0,
    };
    return row;
}

/* Gathers the window that begins in column `x` of the image. */
static inline void gather(int8_t *to, const int8_t *in, const struct row *row, int32_t x,
                          const struct mcuforge_conv2d_packed_params *params)
{
    if (x < 0 || x >= row->whole) {
        gather_odd(to, in, row->y, x, params);
        return;
    }
    const int8_t *const column = in + x * params->input[2];
    const int32_t size = row->size;
    const int32_t step = row->step;
    int32_t ky = params->kernel[0];
    int32_t at = row->at;
    if (at + (ky - 1) * step < row->ring) { /* does not wrap */
        for (const int8_t *from = column + at; ky > 0; ky--) {
            mcuforge_mve_copy(to, from, size);
            to += size;
            from += step;
        }
        return;
    }
    for (; ky > 0; ky--) {
        mcuforge_mve_copy(to, column + at, size);
        to += size;
        at = mcuforge_ring_step(at, step, row->ring);
    }
}

/* How sums become outputs. A copy of the params, which a store of bytes might change. */
struct ending {
    int32x4_t low;
    int32x4_t high;
    int32_t zero_point;
};

static inline struct ending ending_of(const struct mcuforge_conv2d_packed_params *params)
{
    const struct ending ending = {vdupq_n_s32(params->act_min), vdupq_n_s32(params->act_max),
                                  params->output_zero_point};
    return ending;
}

static inline int32x4_t end(int32x4_t sums, int32x4_t multiplier, int32x4_t shift,
                            const struct ending *ending)
{
    const int32x4_t scaled = mcuforge_mve_requantize(sums, multiplier, shift);
    const int32x4_t moved = vaddq_n_s32(scaled, ending->zero_point);
    return vminq_s32(vmaxq_s32(moved, ending->low), ending->high);
}

/* Stores one lane per filter; the last group may have fewer than four. */
static inline void store(int8_t *out, int32x4_t values, int32_t filters)
{
    if (filters >= FILTERS) {
        vstrbq_s32(out, values);
    } else {
        vstrbq_p_s32(out, values, vctp32q((uint32_t)filters));
    }
}

static void one_pixel(const int8_t *x, const int32_t *weights, int8_t *out,
                      const struct mcuforge_conv2d_packed_params *params)
{
    const struct ending ending = ending_of(params);
    const int32_t depth = params->depth;
    for (int32_t left = params->output[2]; left > 0; left -= FILTERS) {
        int32x4_t sums;
        weights = mcuforge_mve_sums(weights, x, depth, &sums);
        const int32x4_t multiplier = vldrwq_s32(weights);
        const int32x4_t shift = vldrwq_s32(weights + FILTERS);
        store(out, end(sums, multiplier, shift, &ending), left);
        weights += 2 * FILTERS;
        out += FILTERS;
    }
}

/*
 * Writes the outputs of groups of four filters for two pixels. Returns the weights behind them. The
 * loop and the scaling are one piece of assembly: the compiler would need more registers.
 */
static MCUFORGE_NOINLINE const int32_t *
full_groups(const int8_t *x, const int32_t *w, int8_t *const out[2], int32_t groups,
            int32_t depth, const struct ending *ending)
{
#if MCUFORGE_HAS_MVE
    /* sums need even registers; addresses of narrow stores need low ones */
    register int8_t *first_out __asm__("r1") = out[0];
    register int8_t *second_out __asm__("r3") = out[1];
    register const int8_t *first __asm__("r5") = x;
    register const int8_t *second __asm__("r7") = x + depth;
    register const int32_t *weights __asm__("r9") = w;
    register int32_t n __asm__("r11") = depth;
    int32_t kept = depth; /* this and `left` are in memory, because registers run out */
    int32_t left = groups;
    int32x4_t a;
    int32x4_t b;
    int32x4_t f;
    int32x4_t g;
    int32x4_t t;
    const int32x4_t zero_point = vdupq_n_s32(ending->zero_point);
    __asm__ volatile("1: ldrd r8, r10, [%[w]]\n"
                     "ldrd r12, lr, [%[w], #8]\n"
                     "ldrd r0, r2, [%[w]], #8\n"
                     "ldrd r4, r6, [%[w]], #8\n"
                     "2: vldrb.8 %q[f], [%[w]], #16\n"
                     "vldrb.8 %q[a], [%[x]], #16\n"
                     "vmladava.s8 r0, %q[a], %q[f]\n"
                     "vldrb.8 %q[b], [%[y]], #16\n"
                     "vmladava.s8 r8, %q[b], %q[f]\n"
                     "vldrb.8 %q[g], [%[w]], #16\n"
                     "vmladava.s8 r2, %q[a], %q[g]\n"
                     "vldrb.8 %q[f], [%[w]], #16\n"
                     "vmladava.s8 r10, %q[b], %q[g]\n"
                     "subs %[n], #16\n"
                     "vmladava.s8 r4, %q[a], %q[f]\n"
                     "vldrb.8 %q[g], [%[w]], #16\n"
                     "vmladava.s8 r12, %q[b], %q[f]\n"
                     "vmladava.s8 r6, %q[a], %q[g]\n"
                     "vmladava.s8 lr, %q[b], %q[g]\n"
                     "bne 2b\n"
                     "vmov.32 %q[a][0], r0\n"
                     "vmov.32 %q[b][0], r8\n"
                     "vmov.32 %q[a][1], r2\n"
                     "vmov.32 %q[b][1], r10\n"
                     "vldrw.u32 %q[f], [%[w]], #16\n"
                     "vmov.32 %q[a][2], r4\n"
                     "vmov.32 %q[b][2], r12\n"
                     "vldrw.u32 %q[g], [%[w]], #16\n"
                     "vmov.32 %q[a][3], r6\n"
                     "vmov.32 %q[b][3], lr\n"
                     /* mcuforge_mve_requantize() and end() */
                     "vqrdmulh.s32 %q[a], %q[a], %q[f]\n"
                     "ldr %[n], %[depth]\n"
                     "vand %q[t], %q[a], %q[g]\n"
                     "sub %[x], %[x], %[n]\n"
                     "vshr.s32 %q[t], %q[t], #31\n"
                     "sub %[y], %[y], %[n]\n"
                     "vadd.i32 %q[a], %q[a], %q[t]\n"
                     "vqrdmulh.s32 %q[b], %q[b], %q[f]\n"
                     "vrshl.s32 %q[a], %q[a], %q[g]\n"
                     "vand %q[t], %q[b], %q[g]\n"
                     "vadd.i32 %q[a], %q[a], %q[zero]\n"
                     "vshr.s32 %q[t], %q[t], #31\n"
                     "vmax.s32 %q[a], %q[a], %q[low]\n"
                     "vadd.i32 %q[b], %q[b], %q[t]\n"
                     "vmin.s32 %q[a], %q[a], %q[high]\n"
                     "vrshl.s32 %q[b], %q[b], %q[g]\n"
                     "vstrb.32 %q[a], [%[first]], #4\n"
                     "vadd.i32 %q[b], %q[b], %q[zero]\n"
                     "ldr r0, %[left]\n"
                     "vmax.s32 %q[b], %q[b], %q[low]\n"
                     "subs r0, #1\n"
                     "vmin.s32 %q[b], %q[b], %q[high]\n"
                     "str r0, %[left]\n"
                     "vstrb.32 %q[b], [%[second]], #4\n"
                     "bne 1b"
                     : [a] "=&w"(a), [b] "=&w"(b), [f] "=&w"(f), [g] "=&w"(g), [t] "=&w"(t),
                       [w] "+r"(weights), [x] "+r"(first), [y] "+r"(second), [n] "+r"(n),
                       [first] "+r"(first_out), [second] "+r"(second_out), [left] "+m"(left),
                       [depth] "+m"(kept)
                     : [zero] "w"(zero_point), [low] "w"(ending->low),
                       [high] "w"(ending->high)
                     : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    return weights;
#else
    for (int32_t i = 0; i < groups * FILTERS; i += FILTERS) {
        int32x4_t first;
        int32x4_t second;
        (void)mcuforge_mve_sums(w, x + depth, depth, &second);
        w = mcuforge_mve_sums(w, x, depth, &first);
        const int32x4_t multiplier = vldrwq_s32(w);
        const int32x4_t shift = vldrwq_s32(w + FILTERS);
        vstrbq_s32(out[0] + i, end(first, multiplier, shift, ending));
        vstrbq_s32(out[1] + i, end(second, multiplier, shift, ending));
        w += 2 * FILTERS;
    }
    return w;
#endif
}

static void two_pixels(const int8_t *x, const int32_t *weights, int8_t *const out[2],
                       const struct mcuforge_conv2d_packed_params *params,
                       const struct ending *ending)
{
    const int32_t depth = params->depth;
    const int32_t groups = (int32_t)((uint32_t)params->output[2] / FILTERS);
    const int32_t done = groups * FILTERS;
    const int32_t left = params->output[2] - done;
    if (groups > 0) {
        weights = full_groups(x, weights, out, groups, depth, ending);
    }
    if (left > 0) {
        int32x4_t first;
        int32x4_t second;
        weights = mcuforge_mve_sums(weights, x, depth, &first);
        (void)mcuforge_mve_sums(weights - 4 - depth, x + depth, depth, &second);
        const int32x4_t multiplier = vldrwq_s32(weights);
        const int32x4_t shift = vldrwq_s32(weights + FILTERS);
        store(out[0] + done, end(first, multiplier, shift, ending), left);
        store(out[1] + done, end(second, multiplier, shift, ending), left);
    }
}

void mcuforge_conv2d_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                               const struct mcuforge_conv2d_packed_params *params, void *scratch,
                               int32_t first_row, int32_t end_row)
{
    int8_t *const windows = scratch; /* (2, depth) */
    const struct ending ending = ending_of(params);
    int8_t *to[2] = {out, out};
    int32_t waiting = 0;
    for (int32_t oy = first_row; oy < end_row; oy++) {
        const struct row row = row_of(oy, params);
        int8_t *pixel = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] *
                                  params->output[2];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x = ox * params->stride[1] - params->pad[1];
            gather(windows + waiting * params->depth, in, &row, x, params);
            to[waiting] = pixel;
            pixel += params->output[2];
            waiting++;
            if (waiting == 2) {
                two_pixels(windows, weights, to, params, &ending);
                waiting = 0;
            }
        }
    }
    if (waiting == 1) {
        one_pixel(windows, weights, to[0], params);
    }
}
