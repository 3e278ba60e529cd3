/* SPDX-License-Identifier: Apache-2.0 */
#include "mlperf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "check_model.h"
#include "command.h"
#include "feed.h"
#include "measure.h"
#include "pulse.h"
#include "received.h"
#include "session.h"
#include "source.h"
#include "stream.h"
#include "text.h"

#define TERMINATOR '%'

/* More than any run needs; the fuzzer sets it low to be fast. */
#ifndef CHECK_INFER_MAX
#define CHECK_INFER_MAX 1000000000
#endif

/*
 * The runner gives up after 30 s without a line, so a longer `infer` says "m-busy" in between.
 * Build emulated boards with a smaller number: one of their seconds takes longer than one of ours.
 */
#ifndef CHECK_BUSY_SECONDS
#define CHECK_BUSY_SECONDS 20
#endif

/*
 * The build for measurements of energy: a timestamp is an edge on a pin instead of a line, and no
 * text is sent while the model runs. Its runner waits as long as that takes.
 */
#ifdef CHECK_ENERGY
#define ENERGY true
#define TIMESTAMP_MODE "energy"
#define TIMESTAMP_HELP "Pull the timestamp pin low for a moment"
#else
#define ENERGY false
#define TIMESTAMP_MODE "performance"
#define TIMESTAMP_HELP "Print the time in microseconds"
#endif

static void put_timestamp(void)
{
    if (ENERGY) {
        pulse_low(BOARD_PIN_TIMESTAMP);
        return;
    }
    const uint64_t ticks = board_ticks();
    const uint64_t seconds = ticks / board_tick_hz;
    const uint64_t rest = ticks % board_tick_hz;
    text_put("m-lap-us-");
    text_put_u64(seconds * 1000000U + rest * 1000000U / board_tick_hz);
    text_put("\r\n");
}

static void put_refused_arena(void)
{
    text_put_number("e-[The model refused its arena: ", measure_status(), "]\r\n");
}

static void put_results(void)
{
    if (measure_status() != 0) {
        put_refused_arena(); /* without an arena there is no output */
        return;
    }
    const bool squared_error = mcuforge_check_model.answer == CHECK_ANSWER_MSE;
    if (squared_error && feed_bytes() == 0U) {
        text_put("e-[This build keeps no input to compare with]\r\n");
        return;
    }
    const uint32_t count = squared_error ? 1U : mcuforge_check_model.outputs[0].elements;
    text_put("m-results-[");
    for (uint32_t i = 0; i < count; i++) {
        text_put(i > 0U ? "," : "");
        text_put_float(squared_error ? feed_squared_error() : feed_output_value(i));
    }
    text_put("]\r\n");
}

/* Runs the model `count` times. Returns false if it fails. */
static bool run_times(int32_t count, uint64_t *last_line_ticks)
{
    const uint64_t patience = (uint64_t)board_tick_hz * CHECK_BUSY_SECONDS;
    const int32_t steps = mcuforge_check_model.step_count;
    for (int32_t i = 0; i < count; i++) {
        int32_t reached = 0;
        if (mcuforge_check_model.run(0, steps, &reached) != 0 || reached < steps) {
            return false;
        }
        const uint64_t now = board_ticks();
        if (!ENERGY && now - *last_line_ticks > patience) {
            text_put("m-busy\r\n");
            *last_line_ticks = now;
        }
    }
    return true;
}

static void infer(int32_t iterations, int32_t warmups)
{
    if (measure_status() != 0) {
        put_refused_arena();
        return;
    }
    if (source_streams() && feed_bytes() == 0U) {
        text_put("e-[This build keeps no input to stream from]\r\n");
        return;
    }
    session_close(); /* its host must not read these answers for its own */
    source_use_db(true);
    feed_load();
    uint64_t last_line_ticks = board_ticks();
    text_put_number("m-warmup-start-", warmups, "\r\n");
    bool ran = run_times(warmups, &last_line_ticks);
    text_put("m-warmup-done\r\n");
    feed_load(); /* the warm-up may have overwritten the input */
    text_put_number("m-infer-start-", iterations, "\r\n");
    put_timestamp();
    ran = ran && run_times(iterations, &last_line_ticks);
    put_timestamp();
    text_put("m-infer-done\r\n");
    if (iterations > 1) { /* only the first run had the input: run it again, outside the time */
        feed_load();
        ran = ran && run_times(1, &last_line_ticks);
    }
    source_use_db(false);
    if (ran) {
        put_results();
    } else {
        text_put("e-[The model failed]\r\n");
    }
}

static void parse_infer(void)
{
    int32_t iterations = 1;
    int32_t warmups = 10;
    const char *token = command_next();
    if (token != NULL) {
        iterations = command_number(token);
        token = command_next();
        warmups = token != NULL ? command_number(token) : warmups;
    }
    if (iterations <= 0) {
        text_put("e-[Inference iterations must be >0]\r\n");
    } else if (warmups < 0) {
        text_put("e-[Inference warmup must be >=0]\r\n");
    } else if (iterations > CHECK_INFER_MAX || warmups > CHECK_INFER_MAX) {
        text_put_number("e-[Inference counts must be <=", CHECK_INFER_MAX, "]\r\n");
    } else {
        infer(iterations, warmups);
    }
}

static void start_listening(void)
{
    if (stream_start()) {
        put_timestamp();
        stream_mark();
    }
}

static void stop_listening(void)
{
    if (stream_stop()) {
        put_timestamp();
        stream_put_log();
    }
}

static void put_profile(void)
{
    text_put("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\n");
    text_put("m-model-[");
    text_put_printable(mcuforge_check_model.task);
    text_put("]\r\n");
}

static void put_help(void)
{
    text_put("ULPMark for tinyML Firmware V0.0.1\r\n"
             "\r\n"
             "name         : Print the name of the device\r\n"
             "profile      : Print the profile and the model's id\r\n"
             "timestamp    : " TIMESTAMP_HELP "\r\n"
             "db load N    : Expect N bytes of input\r\n"
             "db HH[HH]*   : The next bytes of input, in hex\r\n"
             "db print [N=all] [offset=0]\r\n"
             "             : Print the bytes of input\r\n"
             "infer [N=1] [W=10]\r\n"
             "             : W inferences to warm up, then N with the time taken\r\n"
             "results      : Print the answer of the last inference\r\n");
    if (STREAM_LISTENS) {
        text_put("start        : Listen, and pulse the detection pin at each wake word\r\n"
                 "stop         : Stop, and print the activations of the wake word\r\n"
                 "db getptr    : Print how many bytes of the load have come\r\n"
                 "db setptr N  : Continue the load at byte N\r\n"
                 "extract_uart_stream\r\n"
                 "             : Take loaded audio, print its features and the answer\r\n");
    }
}

static void execute(void)
{
    command_rewind();
    if (STREAM_LISTENS) { /* as the benchmark's firmware of this model; a script checks it */
        text_put("Received command: ");
        text_put_printable(command_text());
        text_put("\r\n");
    }
    const char *const token = command_next();
    const char *const word = token != NULL ? token : "";
    if (command_is(word, "name")) {
        text_put("m-name-dut-[mcuforge ");
        text_put(board_id);
        text_put("]\r\n");
    } else if (command_is(word, "profile")) {
        put_profile();
    } else if (command_is(word, "timestamp")) {
        put_timestamp();
    } else if (command_is(word, "help")) {
        put_help();
    } else if (STREAM_LISTENS && stream_hears_board() &&
               (command_is(word, "db") || command_is(word, "extract_uart_stream"))) {
        text_put("e-[The board listens to its input]\r\n");
    } else if (command_is(word, "db")) {
        received_command();
    } else if (command_is(word, "infer")) {
        parse_infer();
    } else if (command_is(word, "results")) {
        put_results();
    } else if (STREAM_LISTENS && command_is(word, "start")) {
        start_listening();
    } else if (STREAM_LISTENS && command_is(word, "stop")) {
        stop_listening();
    } else if (STREAM_LISTENS && command_is(word, "extract_uart_stream")) {
        stream_extract();
    } else {
        text_put("e-[Unknown command: ");
        text_put_printable(word);
        text_put("]\r\n");
    }
    text_put("m-ready\r\n");
}

void mlperf_start(void)
{
    if (ENERGY || STREAM_LISTENS) {
        board_pins_start();
    }
    text_put("m-timestamp-mode-" TIMESTAMP_MODE "\r\n"
             "m-init-done\r\n"
             "m-ready\r\n");
}

void mlperf_take(char character)
{
    if (character == TERMINATOR) {
        execute();
        command_clear();
    } else {
        command_keep(character);
    }
}

void mlperf_forget(void)
{
    command_clear();
}
