/* A minimal program around the generated model: write your own inputs and flash it. */
#include <string.h>

#include "model.h"

static struct residual_state state;
static int32_t arena_ram[(RESIDUAL_ARENA_RAM_BYTES + 3) / 4];
static int32_t arena_dtcm[(RESIDUAL_ARENA_DTCM_BYTES + 3) / 4]
    __attribute__((section(".mcuforge_arena.dtcm")));

/* What the model answered, for a debugger to look at. */
volatile int8_t answer[3];

/* One row of an input, from a camera or a buffer that DMA fills; not 0: it is not there yet. */
static int32_t read_row(void *context, int32_t input, int32_t row, void *to)
{
    (void)context;
    (void)row;
    switch (input) {
    case 0: /* your row of 9x6x2 int8_t here */
        memset(to, 0, RESIDUAL_INPUT_0_ROW_BYTES);
        return 0;
    default:
        return 1;
    }
}

int main(void)
{
    void *const arenas[RESIDUAL_ARENAS] = {
        arena_ram,
        arena_dtcm,
    };
    const size_t bytes[RESIDUAL_ARENAS] = {
        sizeof arena_ram,
        sizeof arena_dtcm,
    };
    if (residual_init(&state, arenas, bytes) != MCUFORGE_OK) {
        return 1;
    }
    if (residual_set_source(&state, read_row, NULL) != MCUFORGE_OK) {
        return 1;
    }
    for (;;) {
        enum mcuforge_status status = residual_run(&state);
        while (status == MCUFORGE_ERR_SOURCE) { /* a row is not there yet: time for other work */
            status = residual_run_steps(&state, state.step, RESIDUAL_STEPS);
        }
        if (status != MCUFORGE_OK) {
            return 1;
        }
        const int8_t *const out = residual_output(&state, 0);
        for (int32_t i = 0; i < 3; i++) {
            answer[i] = out[i];
        }
    }
}
