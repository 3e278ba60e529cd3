/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs kernel calls read from stdin, each several times: every buffer ends where unreadable memory
 * begins, or begins where it ends, or stands one, two or three bytes off a word. Answers are compared
 * with those that came along, and what stands beside buffers, and in inputs, must stay as it was.
 * kernels.h, written for the calls at hand, has the table of kernels.
 */
#define _GNU_SOURCE
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct call {
    int32_t kernel;
    int32_t params_bytes;
    int32_t pointers; /* in params, to buffers */
    int32_t args;
    int32_t first_row;
    int32_t end_row;
};

#include "kernels.h"

enum { ZONES = 12, ZONE = 1 << 17, PAGE = 1 << 12, MARGIN = 64, ARGS = 8, CALLS = 8 };
enum { AT_END, AT_BEGIN, MODES = 5 }; /* the others: mode - AT_BEGIN bytes off a word */
enum { INPUT, OUTPUT, SCRATCH };
enum { RUBBISH = 0x5A };

struct buffer {
    int32_t role;
    int32_t bytes;
    int32_t align;
};

static int32_t case_at = -1;
static int32_t mode_at;

static void tell_case(void)
{
    fprintf(stderr, "stopped in case %d, placement %d\n", (int)case_at, (int)mode_at);
}

static void *taken(size_t bytes)
{
    void *got = malloc(bytes + 1);
    if (got == NULL || fread(got, 1, bytes, stdin) != bytes) exit(3);
    return got;
}

static uint8_t *place(uint8_t *zone, const struct buffer *b, int32_t mode)
{
    if (b->bytes > ZONE / 2) exit(4);
    if (mode == AT_END) return zone + ((ZONE - b->bytes) & -b->align);
    if (mode == AT_BEGIN) return zone;
    return zone + MARGIN + (b->align == 1 ? mode - AT_BEGIN : 0);
}

/* The bytes round a buffer that must stay as they are, clipped to its zone. */
static void margins(uint8_t *zone, const uint8_t *at, int32_t bytes, uint8_t *begins[2],
                    size_t sizes[2])
{
    const size_t before = (size_t)(at - zone);
    const size_t after = ZONE - before - (size_t)bytes;
    sizes[0] = before < MARGIN ? before : MARGIN;
    sizes[1] = after < MARGIN ? after : MARGIN;
    begins[0] = zone + before - sizes[0];
    begins[1] = zone + before + bytes;
}

static void compare(const uint8_t *got, const uint8_t *wanted, int32_t bytes, int32_t buffer)
{
    for (int32_t i = 0; i < bytes; i++) {
        if (got[i] != wanted[i]) {
            printf("%d %d buffer %d byte %d got %d expected %d\n", (int)case_at, (int)mode_at,
                   (int)buffer, (int)i, (int8_t)got[i], (int8_t)wanted[i]);
            return;
        }
    }
}

int main(void)
{
    static uint8_t *zones[ZONES];
    for (int i = 0; i < ZONES; i++) {
        uint8_t *all = mmap(NULL, ZONE + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) return 5;
        zones[i] = all + PAGE;
        if (mprotect(zones[i], ZONE, PROT_READ | PROT_WRITE) != 0) return 5;
    }
    __sanitizer_set_death_callback(tell_case);
    int32_t counts[2]; /* buffers, calls */
    while (fread(counts, sizeof counts, 1, stdin) == 1) {
        case_at++;
        struct buffer buffers[ZONES];
        uint8_t *data[ZONES], *at[ZONES];
        struct call calls[CALLS];
        uint8_t *params[CALLS];
        int32_t *pointers[CALLS], *args[CALLS];
        if (counts[0] > ZONES || counts[1] > CALLS) return 6;
        for (int32_t i = 0; i < counts[0]; i++) {
            if (fread(&buffers[i], sizeof buffers[i], 1, stdin) != 1) return 3;
            data[i] = taken(buffers[i].role == SCRATCH ? 0 : (size_t)buffers[i].bytes);
        }
        for (int32_t i = 0; i < counts[1]; i++) {
            if (fread(&calls[i], sizeof calls[i], 1, stdin) != 1) return 3;
            if (calls[i].args > ARGS || calls[i].kernel >= KERNELS) return 6;
            params[i] = taken((size_t)calls[i].params_bytes);
            pointers[i] = taken((size_t)calls[i].pointers * 2 * sizeof(int32_t));
            args[i] = taken((size_t)calls[i].args * sizeof(int32_t));
        }
        for (mode_at = 0; mode_at < MODES; mode_at++) {
            for (int32_t i = 0; i < counts[0]; i++) {
                uint8_t *begins[2];
                size_t sizes[2];
                at[i] = place(zones[i], &buffers[i], mode_at);
                margins(zones[i], at[i], buffers[i].bytes, begins, sizes);
                for (int j = 0; j < 2; j++) memset(begins[j], RUBBISH, sizes[j]);
                memset(at[i], RUBBISH, (size_t)buffers[i].bytes);
                if (buffers[i].role == INPUT) memcpy(at[i], data[i], (size_t)buffers[i].bytes);
            }
            for (int32_t i = 0; i < counts[1]; i++) {
                void *p[ARGS];
                for (int32_t j = 0; j < calls[i].pointers; j++)
                    memcpy(params[i] + pointers[i][2 * j], &at[pointers[i][2 * j + 1]],
                           sizeof(void *));
                for (int32_t j = 0; j < calls[i].args; j++)
                    p[j] = args[i][j] < 0 ? params[i] : at[args[i][j]];
                run_kernel(&calls[i], p);
            }
            for (int32_t i = 0; i < counts[0]; i++) {
                uint8_t *begins[2];
                size_t sizes[2];
                margins(zones[i], at[i], buffers[i].bytes, begins, sizes);
                for (int j = 0; j < 2; j++)
                    for (size_t k = 0; k < sizes[j]; k++)
                        if (begins[j][k] != RUBBISH) {
                            printf("%d %d buffer %d written %s it\n", (int)case_at, (int)mode_at,
                                   (int)i, j == 0 ? "before" : "behind");
                            break;
                        }
                if (buffers[i].role != SCRATCH) compare(at[i], data[i], buffers[i].bytes, i);
            }
        }
        for (int32_t i = 0; i < counts[0]; i++) free(data[i]);
        for (int32_t i = 0; i < counts[1]; i++) {
            free(params[i]);
            free(pointers[i]);
            free(args[i]);
        }
    }
    return 0;
}
