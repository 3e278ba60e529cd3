/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <string.h>

#include "board.h"
#include "check_model.h"
#include "measure.h"
#include "source.h"

#define STRING_MAX 39U

static struct {
    bool open;
    bool run_known;        /* `run` is the answer to the RUN with `run_sequence` */
    uint16_t run_sequence;
    struct measure run; /* all parts of the run */
    uint64_t part_ticks;
    uint64_t step_ticks[SESSION_TIMED_STEPS]; /* of each step of `run`, if asked for */
    uint32_t bad_frames;
} session;

static void answer(const struct frame *request, enum session_status status, const uint8_t *end)
{
    const uint32_t size = (uint32_t)(end - frame_body());
    frame_send((uint8_t)(request->kind | SESSION_ANSWER), (uint8_t)status, request->sequence, size);
}

/* Append; without the closing zero if `room` ends first. */
static uint8_t *put_text(uint8_t *at, const char *text, uint32_t room)
{
    for (uint32_t i = 0; i < room && text[i] != '\0'; i++) {
        *at++ = (uint8_t)text[i];
    }
    return at;
}

static uint8_t *put_string(uint8_t *at, const char *text)
{
    uint8_t *const end = put_text(at, text, STRING_MAX);
    *end = 0;
    return end + 1;
}

static void refuse(const struct frame *request, enum session_status status, const char *reason)
{
    answer(request, status, put_text(frame_body(), reason, FRAME_BODY_BYTES));
}

static uint8_t *put_numbers(uint8_t *at, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        at = frame_put_u32(at, numbers[i]);
    }
    return at;
}

static void serve_hello(const struct frame *request)
{
    const struct check_model *const model = &mcuforge_check_model;
    session.open = true;
    session.bad_frames = 0;
    memset(&session.run, 0, sizeof session.run);
    source_forget();
    uint32_t arena_bytes = 0;
    for (int32_t i = 0; i < model->arena_count; i++) {
        arena_bytes += model->arenas[i].size;
    }
    const int32_t status = measure_init();

    const uint32_t numbers[] = {
        SESSION_PROTOCOL,
        CHECK_DATA_BYTES,
        (uint32_t)model->input_count,
        (uint32_t)model->output_count,
        (uint32_t)model->step_count,
        (uint32_t)model->arena_count,
        arena_bytes,
        model->canary_bytes,
        board_tick_hz,
        model->poison != NULL ? 1U : 0U,
        (uint32_t)status,
        board_chip_id(),
        (uint32_t)board_reset_reason(),
    };
    uint8_t *at = put_numbers(frame_body(), numbers, sizeof numbers / sizeof *numbers);
    memcpy(at, model->hash, 32);
    at = put_string(at + 32, model->name);
    at = put_string(at, model->task);
    at = put_string(at, board_id);
    at = put_string(at, model->build != NULL ? model->build : "");
    answer(request, SESSION_OK, at);
}

/* Returns the tensor, or NULL if it does not exist. */
static const struct check_tensor *find_tensor(uint32_t space, uint32_t index)
{
    const struct check_model *const model = &mcuforge_check_model;
    if (space == SESSION_INPUT && index < (uint32_t)model->input_count) {
        return &model->inputs[index];
    }
    if (space == SESSION_OUTPUT && index < (uint32_t)model->output_count) {
        return &model->outputs[index];
    }
    return NULL;
}

static void serve_tensor(const struct frame *request)
{
    const struct check_tensor *tensor = NULL;
    if (request->size == 8U) {
        tensor = find_tensor(frame_u32(request->body), frame_u32(request->body + 4));
    }
    if (tensor == NULL) {
        refuse(request, SESSION_RANGE, "TENSOR: no such tensor");
        return;
    }
    uint32_t scale_bits;
    memcpy(&scale_bits, &tensor->scale, sizeof scale_bits);
    uint8_t *at = frame_body();
    at = frame_put_u32(at, tensor->bytes);
    at = frame_put_u32(at, tensor->elements);
    at = frame_put_u32(at, (uint32_t)tensor->dtype);
    at = frame_put_u32(at, scale_bits);
    at = frame_put_u32(at, (uint32_t)tensor->zero_point);
    at = frame_put_u32(at, tensor->row_bytes);
    answer(request, SESSION_OK, put_string(at, tensor->name));
}

static void serve_write(const struct frame *request)
{
    const uint32_t size = request->size - 8U; /* of the data; used only if size >= 8 */
    const struct check_tensor *tensor = NULL;
    if (request->size >= 8U) {
        tensor = find_tensor(SESSION_INPUT, frame_u32(request->body));
    }
    if (tensor == NULL) {
        refuse(request, SESSION_RANGE, "WRITE: no such input");
        return;
    }
    const uint32_t offset = frame_u32(request->body + 4);
    if (offset > tensor->bytes || size > tensor->bytes - offset) {
        refuse(request, SESSION_RANGE, "WRITE: past the end of the input");
        return;
    }
    if (tensor->row_bytes > 0U) {
        if (source_stage(frame_u32(request->body), offset, request->body + 8, size)) {
            answer(request, SESSION_OK, frame_body());
        } else {
            refuse(request, SESSION_RANGE, "WRITE: not of one row of a streamed input");
        }
        return;
    }
    uint8_t *const input = mcuforge_check_model.input((int32_t)frame_u32(request->body));
    if (input == NULL) {
        refuse(request, SESSION_MODEL, "WRITE: the model refused its arena");
        return;
    }
    memcpy(input + offset, request->body + 8, size);
    answer(request, SESSION_OK, frame_body());
}

/* Returns the bytes of a space and their number, or NULL if the space does not exist. */
static const uint8_t *find_bytes(uint32_t space, uint32_t index, uint32_t *bytes)
{
    const struct check_model *const model = &mcuforge_check_model;
    if (space == SESSION_ARENA && index < (uint32_t)model->arena_count) {
        *bytes = model->arenas[index].size;
        return model->arenas[index].bytes;
    }
    const struct check_tensor *const tensor = find_tensor(space, index);
    if (tensor == NULL) {
        return NULL;
    }
    *bytes = tensor->bytes;
    return space == SESSION_INPUT ? model->input((int32_t)index) : model->output((int32_t)index);
}

static void serve_read(const struct frame *request)
{
    uint32_t bytes = 0;
    const uint8_t *from = NULL;
    if (request->size == 16U) {
        from = find_bytes(frame_u32(request->body), frame_u32(request->body + 4), &bytes);
    }
    if (from == NULL) {
        refuse(request, SESSION_RANGE, "READ: no such tensor");
        return;
    }
    const uint32_t offset = frame_u32(request->body + 8);
    const uint32_t size = frame_u32(request->body + 12);
    if (size > CHECK_DATA_BYTES || offset > bytes || size > bytes - offset) {
        refuse(request, SESSION_RANGE, "READ: past the end");
        return;
    }
    memcpy(frame_body(), from + offset, size);
    answer(request, SESSION_OK, frame_body() + size);
}

/* Run, and add to the run before if that one ended because a row was missing. */
static void run_part(uint32_t begin, uint32_t end, enum session_mode mode)
{
    const struct measure before = session.run;
    const bool goes_on = before.reached < before.end && begin == before.reached;
    memset(session.step_ticks, 0, sizeof session.step_ticks);
    session.run = measure_run(begin, end, mode == SESSION_POISON,
                              mode == SESSION_TIME_STEPS ? session.step_ticks : NULL);
    session.part_ticks = session.run.ticks;
    if (!goes_on) {
        return;
    }
    session.run.begin = before.begin;
    session.run.ticks += before.ticks;
    if (before.stack_bytes > session.run.stack_bytes) {
        session.run.stack_bytes = before.stack_bytes;
        session.run.stack_total_bytes = before.stack_total_bytes;
    }
}

static void serve_run(const struct frame *request)
{
    const bool whole = request->size == 12U;
    const uint32_t begin = whole ? frame_u32(request->body) : UINT32_MAX;
    const uint32_t end = whole ? frame_u32(request->body + 4) : 0;
    const uint32_t mode = whole ? frame_u32(request->body + 8) : 0;
    const uint32_t timed = mode == SESSION_TIME_STEPS ? end - begin : 0;
    if (!session.run_known || session.run_sequence != request->sequence) {
        const uint32_t steps = (uint32_t)mcuforge_check_model.step_count;
        if (begin > end || end > steps) {
            refuse(request, SESSION_RANGE, "RUN: no such steps");
            return;
        }
        if (mode == SESSION_POISON && mcuforge_check_model.poison == NULL) {
            refuse(request, SESSION_RANGE, "RUN: this build cannot poison");
            return;
        }
        if (mode > SESSION_TIME_STEPS || timed > SESSION_TIMED_STEPS) {
            refuse(request, SESSION_RANGE, "RUN: no such mode, or too many steps for it");
            return;
        }
        answer(request, SESSION_RUNNING, frame_body());
        run_part(begin, end, (enum session_mode)mode);
        session.run_sequence = request->sequence;
        session.run_known = true;
    }
    uint8_t *at = frame_put_u64(frame_body(), session.part_ticks);
    at = frame_put_u32(at, (uint32_t)session.run.status);
    at = frame_put_u32(at, session.run.reached);
    at = frame_put_u32(at, source_input_wanted());
    at = frame_put_u32(at, source_row_wanted());
    for (uint32_t i = 0; i < timed && i < SESSION_TIMED_STEPS; i++) {
        at = frame_put_u64(at, session.step_ticks[i]);
    }
    answer(request, session.run.status == 0 ? SESSION_OK : SESSION_MODEL, at);
}

static void serve_counters(const struct frame *request)
{
    struct board_core core;
    board_core(&core);
    const uint32_t numbers[] = {
        session.run.begin,
        session.run.end,
        session.run.stack_bytes,
        session.run.stack_total_bytes,
        measure_canary_before(),
        measure_canary_after(),
        board_dropped(),
        session.bad_frames,
        core.hz,
        core.wait_states,
        core.caches,
    };
    uint8_t *const at = frame_put_u64(frame_body(), session.run.ticks);
    answer(request, SESSION_OK, put_numbers(at, numbers, sizeof numbers / sizeof *numbers));
}

void session_serve(const struct frame *request)
{
    if (!session.open && request->kind != SESSION_HELLO) {
        refuse(request, SESSION_CLOSED, "no HELLO since the board started");
        return;
    }
    if (request->kind != SESSION_RUN) {
        session.run_known = false; /* copies of a RUN arrive before any later request */
    }
    switch (request->kind) {
    case SESSION_HELLO:
        serve_hello(request);
        break;
    case SESSION_TENSOR:
        serve_tensor(request);
        break;
    case SESSION_WRITE:
        serve_write(request);
        break;
    case SESSION_READ:
        serve_read(request);
        break;
    case SESSION_RUN:
        serve_run(request);
        break;
    case SESSION_COUNTERS:
        serve_counters(request);
        break;
    default:
        refuse(request, SESSION_UNKNOWN, "no such request");
        break;
    }
}

void session_refuse_frame(void)
{
    session.bad_frames++;
    frame_send((uint8_t)(SESSION_NO_SEQUENCE & 0xFFU), SESSION_BAD_FRAME, SESSION_NO_SEQUENCE, 0);
}
