/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <string.h>

#include "board.h"
#include "check_model.h"
#include "measure.h"
#include "source.h"

#define STRING_MAX 39U
#define HASH_BYTES 32U

static struct {
    bool open;
    bool ran;              /* the last request was a RUN, and it ran */
    uint8_t status;        /* what the last request was answered */
    uint32_t nonce;        /* of the session */
    uint32_t sequence;     /* the last number executed in it */
    uint32_t crc;          /* of that request */
    uint32_t epoch;        /* sessions opened since the start */
    struct measure run;    /* all parts of the run */
    uint64_t part_ticks;
    uint64_t step_ticks[SESSION_TIMED_STEPS]; /* of each step of `run`, if asked for */
    uint32_t bad_frames;
} session;

static void send(const struct frame *request, enum session_status status, const uint8_t *end)
{
    const uint32_t size = (uint32_t)(end - frame_body());
    frame_send((uint8_t)(request->kind | FRAME_ANSWER), (uint8_t)status, request->nonce,
               request->sequence, size);
}

/* Answers a request of the session. */
static void answer(const struct frame *request, enum session_status status, const uint8_t *end)
{
    session.status = (uint8_t)status;
    send(request, status, end);
}

/* Says which request was executed last, and why the one that came was not. */
static void notice(enum session_status status)
{
    frame_send(SESSION_NOTICE, (uint8_t)status, session.nonce, session.sequence, 0);
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

static void send_text(const struct frame *request, enum session_status status, const char *text)
{
    send(request, status, put_text(frame_body(), text, FRAME_BODY_BYTES));
}

static void refuse(const struct frame *request, enum session_status status, const char *reason)
{
    session.status = (uint8_t)status;
    send_text(request, status, reason);
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
    uint32_t arena_bytes = 0;
    for (int32_t i = 0; i < model->arena_count; i++) {
        arena_bytes += model->arenas[i].size;
    }
    const uint32_t numbers[] = {
        SESSION_PROTOCOL,
        CHECK_DATA_BYTES,
        SESSION_WINDOW,
        (uint32_t)model->input_count,
        (uint32_t)model->output_count,
        (uint32_t)model->step_count,
        (uint32_t)model->arena_count,
        arena_bytes,
        model->canary_bytes,
        board_tick_hz,
        model->poison != NULL ? 1U : 0U,
        board_chip_id(),
        (uint32_t)board_reset_reason(),
        session.epoch,
    };
    uint8_t *at = put_numbers(frame_body(), numbers, sizeof numbers / sizeof *numbers);
    memcpy(at, model->hash, HASH_BYTES);
    at = put_string(at + HASH_BYTES, model->name);
    at = put_string(at, model->task);
    at = put_string(at, board_id);
    at = put_string(at, model->build != NULL ? model->build : "");
    send(request, SESSION_OK, at);
}

/* Begin a session. False if the request knows another epoch or model: it was meant for another. */
static bool open_session(const struct frame *request)
{
    if (request->size != 4U + HASH_BYTES || frame_u32(request->body) != session.epoch ||
        memcmp(request->body + 4, mcuforge_check_model.hash, HASH_BYTES) != 0) {
        return false;
    }
    session.open = true;
    session.nonce = request->nonce;
    session.sequence = request->sequence;
    session.crc = request->crc;
    session.epoch++;
    session.ran = false;
    session.bad_frames = 0;
    memset(&session.run, 0, sizeof session.run);
    source_forget();
    (void)measure_init();
    return true;
}

static void serve_open(const struct frame *request)
{
    answer(request, SESSION_OK, frame_put_u32(frame_body(), (uint32_t)measure_status()));
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
static void run_part(uint32_t begin, uint32_t end, uint32_t mode, bool goes_on)
{
    const struct measure before = session.run;
    const bool a_part = goes_on && before.reached < before.end;
    memset(session.step_ticks, 0, sizeof session.step_ticks);
    session.run = measure_run(begin, end, mode == SESSION_POISON,
                              mode == SESSION_TIME_STEPS ? session.step_ticks : NULL);
    session.part_ticks = session.run.ticks;
    if (!a_part) {
        return;
    }
    session.run.begin = before.begin;
    session.run.ticks += before.ticks;
    if (before.stack_bytes > session.run.stack_bytes) {
        session.run.stack_bytes = before.stack_bytes;
        session.run.stack_total_bytes = before.stack_total_bytes;
    }
}

/* The CRC of all inputs that the host wrote as a whole. */
static uint32_t inputs_crc(void)
{
    const struct check_model *const model = &mcuforge_check_model;
    uint32_t crc = 0;
    for (int32_t i = 0; i < model->input_count; i++) {
        const uint8_t *const input = model->input(i);
        if (input != NULL) {
            crc = frame_crc32(crc, input, model->inputs[i].bytes);
        }
    }
    return crc;
}

/* Refuse a RUN that cannot be; returns true if it can. */
static bool may_run(const struct frame *request)
{
    const uint32_t begin = frame_u32(request->body);
    const uint32_t end = frame_u32(request->body + 4);
    const uint32_t told = frame_u32(request->body + 8);
    const bool goes_on = (told & SESSION_GOES_ON) != 0U;
    const uint32_t mode = told & ~SESSION_GOES_ON;
    if (begin > end || end > (uint32_t)mcuforge_check_model.step_count) {
        refuse(request, SESSION_RANGE, "RUN: no such steps");
        return false;
    }
    if (begin != (goes_on ? session.run.reached : 0U) || (goes_on && session.run.end == 0U)) {
        refuse(request, SESSION_RANGE, "RUN: does not begin where the run before ended");
        return false;
    }
    if (mode == SESSION_POISON && mcuforge_check_model.poison == NULL) {
        refuse(request, SESSION_RANGE, "RUN: this build cannot poison");
        return false;
    }
    if (mode > SESSION_TIME_STEPS ||
        (mode == SESSION_TIME_STEPS && end - begin > SESSION_TIMED_STEPS)) {
        refuse(request, SESSION_RANGE, "RUN: no such mode, or too many steps for it");
        return false;
    }
    if (measure_status() == 0 &&
        frame_u32(request->body + 12) != (goes_on ? source_crc() : inputs_crc())) {
        refuse(request, SESSION_INPUTS, "RUN: the inputs here are not those that were sent");
        return false;
    }
    return true;
}

static void serve_run(const struct frame *request, bool fresh)
{
    if (request->size != 16U) {
        refuse(request, SESSION_RANGE, "RUN: no such steps");
        return;
    }
    const uint32_t begin = frame_u32(request->body);
    const uint32_t end = frame_u32(request->body + 4);
    const uint32_t mode = frame_u32(request->body + 8) & ~SESSION_GOES_ON;
    const bool goes_on = (frame_u32(request->body + 8) & SESSION_GOES_ON) != 0U;
    if (fresh) {
        if (!may_run(request)) {
            return;
        }
        if (!goes_on) {
            source_forget();
        }
        answer(request, SESSION_RUNNING, frame_body());
        run_part(begin, end, mode, goes_on);
        session.ran = true;
    }
    uint8_t *at = frame_put_u64(frame_body(), session.part_ticks);
    at = frame_put_u32(at, (uint32_t)session.run.status);
    at = frame_put_u32(at, session.run.reached);
    at = frame_put_u32(at, source_input_wanted());
    at = frame_put_u32(at, source_row_wanted());
    const uint32_t timed = mode == SESSION_TIME_STEPS ? end - begin : 0;
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

/* Executes the next request, or answers the last one again. */
static void serve(const struct frame *request, bool fresh)
{
    switch (request->kind) {
    case SESSION_OPEN:
        serve_open(request);
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
        serve_run(request, fresh);
        break;
    case SESSION_COUNTERS:
        serve_counters(request);
        break;
    default:
        refuse(request, SESSION_UNKNOWN, "no such request");
        break;
    }
}

/* What the last request was answered, once more. Nothing was executed since, so memory has it. */
static void repeat(const struct frame *request)
{
    const bool changes = request->kind == SESSION_WRITE || request->kind == SESSION_RUN;
    if (changes && !session.ran) {
        answer(request, (enum session_status)session.status, frame_body());
    } else {
        serve(request, false);
    }
}

void session_serve(const struct frame *request)
{
    if (request->kind == SESSION_HELLO) {
        serve_hello(request);
        return;
    }
    const bool ours = session.open && request->nonce == session.nonce;
    const bool again =
        ours && request->sequence == session.sequence && request->crc == session.crc;
    if (again) {
        repeat(request);
    } else if (request->kind == SESSION_OPEN) {
        if (open_session(request)) {
            serve_open(request);
        } else {
            send_text(request, SESSION_STALE, "OPEN: ask HELLO again");
        }
    } else if (!session.open) {
        send_text(request, SESSION_CLOSED, "no session is open");
    } else if (!ours) {
        send_text(request, SESSION_STALE, "another session is open");
    } else if (request->sequence != session.sequence + 1U) {
        notice(request->sequence > session.sequence ? SESSION_GAP : SESSION_STALE);
    } else {
        session.sequence = request->sequence;
        session.crc = request->crc;
        session.ran = false;
        serve(request, true);
    }
}

void session_refuse_frame(void)
{
    session.bad_frames++;
    notice(SESSION_BAD_FRAME);
}

void session_close(void)
{
    session.open = false;
}
