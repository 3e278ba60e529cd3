/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source that is late, in every pattern: each row is asked for until it is there, then never
 * again, in rising order; the answer is that of a source that is always ready.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define STATE JOIN(NAME, _state)
#define INIT JOIN(NAME, _init)
#define SET_SOURCE JOIN(NAME, _set_source)
#define INPUT JOIN(NAME, _input)
#define OUTPUT JOIN(NAME, _output)
#define RUN JOIN(NAME, _run)
#define RUN_STEPS JOIN(NAME, _run_steps)
#define ARENAS JOIN(MACRO, _ARENAS)
#define ALIGN JOIN(MACRO, _ARENA_ALIGN)
#define RAM JOIN(MACRO, _ARENA_RAM)
#define RAM_BYTES JOIN(MACRO, _ARENA_RAM_BYTES)
#define DTCM JOIN(MACRO, _ARENA_DTCM)
#define DTCM_BYTES JOIN(MACRO, _ARENA_DTCM_BYTES)
#define STEPS JOIN(MACRO, _STEPS)
#define ROWS JOIN(MACRO, _INPUT_0_ROWS)
#define ROW_BYTES JOIN(MACRO, _INPUT_0_ROW_BYTES)
#define INPUT_BYTES JOIN(MACRO, _INPUT_0_BYTES)
#define OUTPUT_BYTES JOIN(MACRO, _OUTPUT_0_BYTES)

static int failures;

#define EXPECT(condition)                                                                         \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            printf("line %d: %s\n", __LINE__, #condition);                                        \
            failures++;                                                                           \
        }                                                                                         \
    } while (0)

struct source {
    uint8_t image[INPUT_BYTES];
    int32_t given;     /* rows so far */
    int32_t late;      /* times a row is refused before it is there */
    int32_t refused;   /* how often the next one was */
    uint32_t pattern;  /* bit i: row i is late */
};

static int32_t read_row(void *context, int32_t input, int32_t row, void *to)
{
    struct source *const source = context;
    EXPECT(input == 0);
    EXPECT(row == source->given);
    if ((source->pattern >> row & 1u) != 0 && source->refused < source->late) {
        source->refused++;
        return 7;
    }
    memcpy(to, source->image + row * ROW_BYTES, ROW_BYTES);
    source->refused = 0;
    source->given++;
    return 0;
}

static void new_sample(struct source *source, uint32_t pattern, int32_t late)
{
    source->given = 0;
    source->refused = 0;
    source->pattern = pattern;
    source->late = late;
}

/* Run to the end, going on wherever a row was not there; how often that was. */
static int32_t run(struct STATE *state, int32_t stride)
{
    int32_t stops = 0;
    int32_t end = stride < STEPS ? stride : STEPS;
    enum mcuforge_status status = stride < STEPS ? RUN_STEPS(state, 0, end) : RUN(state);
    while (status == MCUFORGE_ERR_SOURCE || end < STEPS) {
        if (status == MCUFORGE_ERR_SOURCE) {
            stops++;
            EXPECT(state->step < end);
        } else {
            EXPECT(status == MCUFORGE_OK);
            EXPECT(state->step == end);
            end = end + stride < STEPS ? end + stride : STEPS;
        }
        status = RUN_STEPS(state, state->step, end);
    }
    EXPECT(status == MCUFORGE_OK);
    return stops;
}

static void misuse(struct STATE *state, void *const *arenas, const size_t *bytes)
{
    void *wrong[ARENAS];
    size_t small[ARENAS];
    static struct STATE empty;
    EXPECT(SET_SOURCE(NULL, read_row, NULL) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(SET_SOURCE(&empty, read_row, NULL) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INIT(NULL, arenas, bytes) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INIT(&empty, NULL, bytes) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INIT(&empty, arenas, NULL) == MCUFORGE_ERR_ARGUMENT);
    for (int32_t i = 0; i < ARENAS; i++) {
        memcpy(wrong, arenas, sizeof wrong);
        memcpy(small, bytes, sizeof small);
        small[i]--;
        EXPECT(INIT(&empty, arenas, small) == MCUFORGE_ERR_ARENA_SIZE);
        wrong[i] = (char *)arenas[i] + 1;
        EXPECT(INIT(&empty, wrong, bytes) == MCUFORGE_ERR_ARENA_ALIGN);
        wrong[i] = NULL;
        EXPECT(INIT(&empty, wrong, bytes) == MCUFORGE_ERR_ARENA_ALIGN);
    }
    EXPECT(INPUT(&empty, 0) == NULL);
    EXPECT(RUN(&empty) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INIT(state, arenas, bytes) == MCUFORGE_OK);
    EXPECT(RUN(state) == MCUFORGE_ERR_ARGUMENT); /* there is no source */
    EXPECT(SET_SOURCE(state, NULL, NULL) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INPUT(state, 0) == NULL); /* it is never whole */
    EXPECT(INPUT(state, 1) == NULL);
    EXPECT(OUTPUT(state, 0) != NULL);
}

int main(void)
{
    static struct STATE state;
    static struct source source;
    uint8_t want[OUTPUT_BYTES];
    void *arenas[ARENAS];
    size_t bytes[ARENAS];
    bytes[RAM] = RAM_BYTES;
    bytes[DTCM] = DTCM_BYTES;
    for (int32_t i = 0; i < ARENAS; i++) {
        arenas[i] = malloc(bytes[i]); /* exact: a sanitizer sees every byte beyond */
        memset(arenas[i], 0xa5, bytes[i]);
    }
    for (int32_t i = 0; i < INPUT_BYTES; i++) {
        source.image[i] = (uint8_t)(i * 37 ^ i >> 3);
    }
    misuse(&state, arenas, bytes);
    EXPECT(SET_SOURCE(&state, read_row, &source) == MCUFORGE_OK);
    EXPECT(run(&state, STEPS) == 0);
    EXPECT(source.given == ROWS);
    memcpy(want, OUTPUT(&state, 0), sizeof want);
    for (uint32_t pattern = 1; pattern < 1u << ROWS; pattern += 7) {
        for (int32_t stride = STEPS; stride > 0; stride = stride > 12 ? stride - 12 : 0) {
            int32_t late_rows = 0;
            for (int32_t row = 0; row < ROWS; row++) {
                late_rows += (int32_t)(pattern >> row & 1u);
            }
            new_sample(&source, pattern, 2);
            EXPECT(run(&state, stride) == 2 * late_rows);
            EXPECT(source.given == ROWS);
            EXPECT(memcmp(want, OUTPUT(&state, 0), sizeof want) == 0);
        }
    }
    new_sample(&source, 1u << (ROWS - 1), 1); /* abandoned, then afresh */
    EXPECT(RUN(&state) == MCUFORGE_ERR_SOURCE);
    new_sample(&source, 0, 0);
    EXPECT(RUN(&state) == MCUFORGE_OK);
    EXPECT(memcmp(want, OUTPUT(&state, 0), sizeof want) == 0);
    for (int32_t i = 0; i < ARENAS; i++) {
        free(arenas[i]);
    }
    puts(failures == 0 ? "ok" : "failed");
    return failures != 0;
}
