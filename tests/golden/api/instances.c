/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two instances run step by step in turn, from arenas full of different rubbish, and answer as
 * each does alone: nothing is kept outside state and arena, nothing is read before it is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define STATE JOIN(NAME, _state)
#define INIT JOIN(NAME, _init)
#define INPUT JOIN(NAME, _input)
#define OUTPUT JOIN(NAME, _output)
#define RUN JOIN(NAME, _run)
#define RUN_STEPS JOIN(NAME, _run_steps)
#define ARENA_BYTES JOIN(MACRO, _ARENA_BYTES)
#define STEPS JOIN(MACRO, _STEPS)
#define OUTPUT_BYTES JOIN(MACRO, _OUTPUT_0_BYTES)
#define INPUT_BYTES JOIN(MACRO, _INPUT_0_BYTES)

static void feed(const struct STATE *state, uint32_t seed)
{
    uint8_t *const bytes = INPUT(state, 0);
    for (int32_t i = 0; i < INPUT_BYTES; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
#ifdef SECOND_INPUT
    float *const real = INPUT(state, 1);
    for (int32_t i = 0; i < SECOND_INPUT; i++) {
        seed = seed * 1664525u + 1013904223u;
        real[i] = (float)(seed >> 24) / 16.0f - 8.0f;
    }
#endif
}

static void alone(uint32_t seed, int rubbish, uint8_t *answer)
{
    struct STATE state;
    void *const arena = malloc(ARENA_BYTES);
    memset(arena, rubbish, ARENA_BYTES);
    (void)INIT(&state, arena, ARENA_BYTES);
    feed(&state, seed);
    (void)RUN(&state);
    memcpy(answer, OUTPUT(&state, 0), OUTPUT_BYTES);
    free(arena);
}

int main(void)
{
    static uint8_t want[2][OUTPUT_BYTES], again[OUTPUT_BYTES];
    struct STATE state[2];
    void *arena[2];
    alone(1, 0x00, want[0]);
    alone(2, 0x00, want[1]);
    alone(1, 0xa5, again);
    if (memcmp(want[0], again, OUTPUT_BYTES) != 0) {
        puts("what the arena held before changes the answer");
        return 1;
    }
    if (memcmp(want[0], want[1], OUTPUT_BYTES) == 0) {
        puts("the two inputs give one answer: the test sees nothing");
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        arena[i] = malloc(ARENA_BYTES);
        memset(arena[i], i == 0 ? 0xff : 0x5a, ARENA_BYTES);
        (void)INIT(&state[i], arena[i], ARENA_BYTES);
    }
    for (int round = 0; round < 2; round++) { /* the second from what the first left */
        feed(&state[0], 1);
        feed(&state[1], 2);
        for (int32_t step = 0; step < STEPS; step++) {
            (void)RUN_STEPS(&state[0], step, step + 1);
            (void)RUN_STEPS(&state[1], step, step + 1);
        }
        for (int i = 0; i < 2; i++) {
            if (memcmp(want[i], OUTPUT(&state[i], 0), OUTPUT_BYTES) != 0) {
                printf("instance %d, round %d\n", i, round);
                return 1;
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        free(arena[i]);
    }
    puts("ok");
    return 0;
}
