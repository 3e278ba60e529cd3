/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model small enough to be checked by eye, standing in for the generated one:
 *
 *     step 0    x[i] = clamp(2 * x[i] + 3), in place, i < INPUT_BYTES
 *     step 1    sum[k] = bias[k] + sum of x[i] with i % 4 == k, wrapping; output 1 is sum (int32),
 *               output 0 is clamp(sum >> 6) (int8); both stand where x stood
 *
 * With CHECK_AUDIO defined it listens: 8 new samples of 12 make 4 features, each the sum of three.
 * With TOY_ROW_BYTES defined input 0 is streamed: step 0 becomes one step for each of its rows.
 * TOY_TRICK in the environment makes it misbehave.
 */
#define _POSIX_C_SOURCE 200809L

#include "check_model.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "board.h"

#ifndef TOY_FEED
#define TOY_FEED CHECK_FEED_RAW
#define TOY_WIRE_BYTES INPUT_BYTES
#endif
#ifndef TOY_ANSWER
#define TOY_ANSWER CHECK_ANSWER_VALUES
#endif

#ifndef INPUT_BYTES
#define INPUT_BYTES 700 /* a multiple of SUMS */
#endif
#define CANARY_BYTES 16
#define SUMS 4
#define ARENA_BYTES (INPUT_BYTES + 4 * SUMS)
#define STACK_TRICK_BYTES 5000

#ifdef TOY_ROW_BYTES
#define ROW_BYTES TOY_ROW_BYTES
#define ROWS (INPUT_BYTES / ROW_BYTES)
static uint8_t staging[ROW_BYTES];
#else
#define ROW_BYTES 0
#define ROWS 1
#endif

static union {
    uint8_t bytes[CANARY_BYTES + ARENA_BYTES + CANARY_BYTES];
    int32_t aligned;
} memory;

#ifndef TOY_WITHOUT_DB
static uint8_t db[TOY_WIRE_BYTES];
#endif

#ifdef CHECK_AUDIO
#define SAMPLES 12
#define STRIDE 8
#define FEATURES 4
#define LOGGED 80
static int16_t samples[SAMPLES];
static int8_t logged[LOGGED];
#endif

static int8_t *x(void)
{
    return (int8_t *)(memory.bytes + CANARY_BYTES);
}

static int trick(const char *name)
{
    const char *const wanted = getenv("TOY_TRICK");
    return wanted != NULL && strcmp(wanted, name) == 0;
}

static int8_t clamp(int32_t value)
{
    return (int8_t)(value < -128 ? -128 : (value > 127 ? 127 : value));
}

#ifdef CHECK_AUDIO
static void compute(const int16_t *from, int8_t *features)
{
    for (int32_t i = 0; i < FEATURES; i++) {
        features[i] = clamp(from[3 * i] + from[3 * i + 1] + from[3 * i + 2]);
    }
}

static const struct check_audio audio = {
    .samples = samples,
    .count = SAMPLES,
    .stride = STRIDE,
    .features = FEATURES,
    .compute = compute,
    .log = logged,
    .log_bytes = LOGGED,
};
#endif

static void scale(int32_t first, int32_t count)
{
    for (int32_t i = first; i < first + count; i++) {
        x()[i] = clamp(2 * x()[i] + 3);
    }
}

static void add_up(void)
{
    int32_t sums[SUMS];
    memcpy(sums, x() + INPUT_BYTES, sizeof sums);
    for (int32_t i = 0; i < INPUT_BYTES; i++) {
        sums[i % SUMS] = (int32_t)((uint32_t)sums[i % SUMS] + (uint32_t)x()[i]);
    }
    memcpy(x() + SUMS, sums, sizeof sums);
    for (int32_t k = 0; k < SUMS; k++) {
        x()[k] = clamp(sums[k] >> 6);
    }
}

__attribute__((noinline)) static uint8_t use_stack(void)
{
    volatile uint8_t deep[STACK_TRICK_BYTES];
    for (int32_t i = 0; i < STACK_TRICK_BYTES; i++) {
        deep[i] = (uint8_t)i;
    }
    return deep[0];
}

static void misbehave(void)
{
    if (trick("overrun")) {
        memory.bytes[CANARY_BYTES - 1] = 1;
        memory.bytes[CANARY_BYTES + ARENA_BYTES] = 1;
        memory.bytes[CANARY_BYTES + ARENA_BYTES + 1] = 1;
    }
    if (trick("stack")) {
        (void)use_stack();
    }
    if (trick("slow")) {
        const struct timespec pause = {.tv_sec = 1};
        nanosleep(&pause, NULL);
    }
    if (trick("fault")) {
        static const char line[] = "\r\nm-fault-[hard fault pc=0x08001234]\r\n";
        board_write((const uint8_t *)line, sizeof line - 1U);
        board_halt();
    }
    if (trick("hang")) {
        board_halt();
    }
}

static int32_t init(void)
{
    return trick("refuse") ? 7 : 0;
}

/* A model without an arena has no tensors. */
static void *input(int32_t index)
{
    if (trick("refuse")) {
        return NULL;
    }
    if (index == 0 && ROW_BYTES > 0) {
        return NULL;
    }
    return index == 0 ? x() : x() + INPUT_BYTES;
}

static const void *output(int32_t index)
{
    if (trick("refuse")) {
        return NULL;
    }
    return index == 0 ? x() : x() + SUMS;
}

static int32_t run(int32_t begin, int32_t end, int32_t *reached)
{
    misbehave();
    *reached = end;
    if (trick("fail")) {
        return 5;
    }
    for (int32_t step = begin; step < end; step++) {
        if (step == ROWS) {
            add_up();
            continue;
        }
#ifdef TOY_ROW_BYTES
        if (check_read_row(NULL, 0, step, x() + step * ROW_BYTES) != 0) {
            *reached = step;
            return 0;
        }
#endif
        scale(step * ROW_BYTES, INPUT_BYTES / ROWS);
    }
    return 0;
}

#ifndef TOY_HASH
#define TOY_HASH 1
#endif
static const uint8_t hash[32] = {TOY_HASH, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 32};

static const struct check_arena arena = {memory.bytes + CANARY_BYTES, ARENA_BYTES};

static const struct check_tensor inputs[] = {
    {"toy/input", INPUT_BYTES, INPUT_BYTES, CHECK_INT8, 0.5F, -3, ROW_BYTES},
    {"toy/bias", 4 * SUMS, SUMS, CHECK_INT32, 1.0F, 0, 0},
};

static const struct check_tensor outputs[] = {
    {"toy/answer", SUMS, SUMS, CHECK_INT8, 0.25F, 2, 0},
    {"toy/sums", 4 * SUMS, SUMS, CHECK_INT32, 0.0078125F, 0, 0},
};

const struct check_model mcuforge_check_model = {
    .name = "toy",
    .task = "toy01",
    .hash = hash,
    .arenas = &arena,
    .arena_count = 1,
    .step_count = ROWS + 1,
    .input_count = 2,
    .output_count = 2,
    .inputs = inputs,
    .outputs = outputs,
    .feed = TOY_FEED,
    .answer = TOY_ANSWER,
    .init = init,
    .input = input,
    .output = output,
    .run = run,
    .canary_bytes = CANARY_BYTES,
#ifdef TOY_ROW_BYTES
    .staging = staging,
#endif
#ifndef TOY_WITHOUT_DB
    .db = db,
    .db_bytes = sizeof db,
#endif
#ifdef CHECK_AUDIO
    .audio = &audio,
#endif
    .build = "toy build",
};
