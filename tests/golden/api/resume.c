/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run in two parts, cut before any step, answers as a run in one: also where the state has lost
 * track of the rows (another run was begun in between), so that the second part counts them anew.
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

static void feed(const struct STATE *state)
{
    uint32_t seed = 1;
    uint8_t *const bytes = INPUT(state, 0);
    for (int32_t i = 0; i < INPUT_BYTES; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

int main(void)
{
    static uint8_t want[OUTPUT_BYTES];
    struct STATE state;
    void *const arena = malloc(ARENA_BYTES);
    (void)INIT(&state, arena, ARENA_BYTES);
    feed(&state);
    (void)RUN(&state);
    memcpy(want, OUTPUT(&state, 0), OUTPUT_BYTES);
    for (int32_t cut = 0; cut <= STEPS; cut++) {
        for (int lost = 0; lost < 2; lost++) {
            memset(arena, 0x5a, ARENA_BYTES);
            feed(&state);
            (void)RUN_STEPS(&state, 0, cut);
            if (lost) {
                (void)INIT(&state, arena, ARENA_BYTES); /* forgets the step, keeps the bytes */
                memset(state.next, 0x77, sizeof state.next);
            }
            (void)RUN_STEPS(&state, cut, STEPS);
            if (memcmp(want, OUTPUT(&state, 0), OUTPUT_BYTES) != 0) {
                printf("cut before step %d%s\n", (int)cut, lost ? ", rows lost" : "");
                return 1;
            }
        }
    }
    free(arena);
    puts("ok");
    return 0;
}
