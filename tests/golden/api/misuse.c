/* SPDX-License-Identifier: Apache-2.0 */
/* Every wrong use of the generated API gives the status its header names, and touches nothing. */
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
#define ALIGN JOIN(MACRO, _ARENA_ALIGN)
#define STEPS JOIN(MACRO, _STEPS)
#define INPUTS JOIN(MACRO, _INPUTS)
#define OUTPUTS JOIN(MACRO, _OUTPUTS)

static int failures;

static void expect(int line, int ok)
{
    if (!ok) {
        printf("line %d\n", line);
        failures++;
    }
}
#define EXPECT(condition) expect(__LINE__, (condition))

static void before_init(void)
{
    static struct STATE empty;
    EXPECT(RUN(NULL) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN(&empty) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(NULL, 0, 0) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(&empty, 0, STEPS) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INPUT(NULL, 0) == NULL);
    EXPECT(OUTPUT(NULL, 0) == NULL);
    EXPECT(INPUT(&empty, 0) == NULL);
    EXPECT(OUTPUT(&empty, 0) == NULL);
}

static void arenas(int8_t *arena)
{
    static struct STATE state;
    EXPECT(INIT(NULL, arena, ARENA_BYTES) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(INIT(&state, NULL, ARENA_BYTES) == MCUFORGE_ERR_ARENA_ALIGN);
    for (size_t off = 1; off < ALIGN; off++) {
        EXPECT(INIT(&state, arena + off, ARENA_BYTES) == MCUFORGE_ERR_ARENA_ALIGN);
    }
    EXPECT(INIT(&state, arena, 0) == MCUFORGE_ERR_ARENA_SIZE);
    EXPECT(INIT(&state, arena, ARENA_BYTES - 1) == MCUFORGE_ERR_ARENA_SIZE);
    EXPECT(RUN(&state) == MCUFORGE_ERR_ARGUMENT); /* a refused arena is not taken */
    EXPECT(INIT(&state, arena, ARENA_BYTES) == MCUFORGE_OK);
    EXPECT(INIT(&state, arena, (size_t)-1) == MCUFORGE_OK);
}

static void indexes(struct STATE *state, int8_t *arena)
{
    const int32_t wrong[] = {-1, -2147483647 - 1, 2147483647};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT(INPUT(state, wrong[i]) == NULL);
        EXPECT(OUTPUT(state, wrong[i]) == NULL);
    }
    EXPECT(INPUT(state, INPUTS) == NULL);
    EXPECT(OUTPUT(state, OUTPUTS) == NULL);
    for (int32_t i = 0; i < INPUTS; i++) {
        const int8_t *const at = INPUT(state, i);
        EXPECT(at >= arena && at < arena + ARENA_BYTES);
    }
    for (int32_t i = 0; i < OUTPUTS; i++) {
        const int8_t *const at = OUTPUT(state, i);
        EXPECT(at >= arena && at < arena + ARENA_BYTES);
    }
}

static void ranges(struct STATE *state)
{
    EXPECT(RUN_STEPS(state, -1, 1) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(state, 0, STEPS + 1) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(state, STEPS, 0) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(state, 1, 0) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(state, -2147483647 - 1, 2147483647) == MCUFORGE_ERR_ARGUMENT);
    EXPECT(RUN_STEPS(state, 0, 0) == MCUFORGE_OK);
    EXPECT(RUN_STEPS(state, STEPS, STEPS) == MCUFORGE_OK);
    EXPECT(RUN_STEPS(state, 0, STEPS) == MCUFORGE_OK);
    EXPECT(RUN(state) == MCUFORGE_OK);
}

int main(void)
{
    int8_t *const arena = malloc(ARENA_BYTES); /* exact: a sanitizer sees every byte beyond */
    static struct STATE state;
    if (arena == NULL) {
        return 2;
    }
    memset(arena, 0x5a, ARENA_BYTES);
    before_init();
    arenas(arena);
    for (int32_t i = 0; i < ARENA_BYTES; i++) {
        EXPECT(arena[i] == 0x5a); /* init writes nothing */
    }
    EXPECT(INIT(&state, arena, ARENA_BYTES) == MCUFORGE_OK);
    indexes(&state, arena);
    memset(arena, 0, ARENA_BYTES);
    ranges(&state);
    free(arena);
    puts(failures == 0 ? "ok" : "failed");
    return failures != 0;
}
