/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#ifdef CHECK_AUDIO

#include <stddef.h>
#include <string.h>

#include "board.h"
#include "check_model.h"
#include "feed.h"
#include "measure.h"
#include "pulse.h"
#include "session.h"
#include "source.h"
#include "text.h"

#define THRESHOLD 115 /* of the target's int8 activation, by the benchmark's rules */
#define PER_LINE 16U

static struct {
    bool listens;
    bool own_input; /* the board's */
    bool first;     /* the next chunk is the first: it counts as a detection, which marks the time */
    bool failed;    /* the model, or it refused its arena */
    uint32_t chunks;
    uint64_t feature_ticks; /* of all chunks */
    uint64_t model_ticks;
} stream;

static const struct check_audio *audio(void)
{
    return mcuforge_check_model.audio;
}

static int16_t *newest(void)
{
    return audio()->samples + (audio()->count - audio()->stride);
}

static void run_model(void)
{
    const int32_t steps = mcuforge_check_model.step_count;
    int32_t reached = 0;
    const uint64_t begin = board_ticks();
    session_close(); /* its host must not read these answers for its own */
    source_use_db(true);
    feed_load();
    const bool ran = measure_status() == 0 &&
                     mcuforge_check_model.run(0, steps, &reached) == 0 && reached == steps;
    source_use_db(false);
    stream.failed = stream.failed || !ran;
    stream.model_ticks += board_ticks() - begin;
}

static int8_t activation(uint32_t index)
{
    return stream.failed ? 0 : ((const int8_t *)mcuforge_check_model.output(0))[index];
}

/* The newest samples are in place: their features follow those before, and the model runs. */
static void take_chunk(void)
{
    const uint32_t features = audio()->features;
    uint8_t *const db = mcuforge_check_model.db;
    const uint32_t kept = mcuforge_check_model.db_bytes - features;
    const uint64_t begin = board_ticks();
    memmove(db, db + features, kept);
    audio()->compute(audio()->samples, (int8_t *)db + kept);
    memmove(audio()->samples, audio()->samples + audio()->stride,
            (audio()->count - audio()->stride) * sizeof *audio()->samples);
    stream.feature_ticks += board_ticks() - begin;
    run_model();
}

/* As take_chunk(), with what instruments see of it. */
static void hear(void)
{
    board_pin_write(BOARD_PIN_DUTY, true);
    take_chunk();
    if (stream.first || activation(0) > THRESHOLD) {
        pulse_low(BOARD_PIN_DETECTION);
    }
    stream.first = false;
    if (stream.chunks < audio()->log_bytes) {
        audio()->log[stream.chunks] = activation(0);
    }
    stream.chunks++;
    board_pin_write(BOARD_PIN_DUTY, false);
}

bool stream_start(void)
{
    if (stream.listens) {
        text_put("m-[It listens already]\r\n");
        return false;
    }
    memset(audio()->samples, 0, audio()->count * sizeof *audio()->samples);
    memset(mcuforge_check_model.db, 0, mcuforge_check_model.db_bytes);
    stream.failed = false;
    stream.first = true;
    stream.chunks = 0;
    stream.feature_ticks = 0;
    stream.model_ticks = 0;
    stream.own_input = board_audio_start();
    stream.listens = true;
    text_put(stream.own_input ? "m-[Listening to the board's input]\r\n"
                              : "m-[Listening to what db loads]\r\n");
    return true;
}

void stream_mark(void)
{
    board_pin_write(BOARD_PIN_DUTY, true);
    board_pin_write(BOARD_PIN_DUTY, false);
}

bool stream_stop(void)
{
    if (!stream.listens) {
        text_put("m-[It does not listen]\r\n");
        return false;
    }
    stream.listens = false;
    if (stream.own_input) {
        board_audio_stop();
    }
    if (stream.failed) {
        text_put("e-[The model failed]\r\n");
    }
    return true;
}

void stream_put_log(void)
{
    const uint32_t most = audio()->log_bytes;
    const uint32_t logged = stream.chunks < most ? stream.chunks : most;
    text_put("m-stream-[chunks ");
    text_put_u64(stream.chunks);
    text_put(", ticks of features ");
    text_put_u64(stream.feature_ticks);
    text_put(", ticks of the model ");
    text_put_u64(stream.model_ticks);
    text_put("]\r\ntarget activations: \r\n[");
    for (uint32_t i = 0; i < logged; i++) {
        text_put_i32(audio()->log[i]);
        text_put(i + 1U == logged ? " " : ", ");
        text_put((i + 1U) % PER_LINE == 0U ? "\r\n" : "");
    }
    text_put("]\r\n");
}

static void put_list(const char *before, const int8_t *values, uint32_t count)
{
    text_put(before);
    for (uint32_t i = 0; i < count; i++) {
        text_put(i > 0U ? ", " : "");
        text_put_i32(values[i]);
    }
    text_put("]\r\n");
}

void stream_extract(void)
{
    const uint32_t features = audio()->features;
    take_chunk();
    put_list("m-features-[",
             (const int8_t *)mcuforge_check_model.db + mcuforge_check_model.db_bytes - features,
             features);
    if (stream.failed) {
        stream.failed = false;
        text_put("e-[The model failed]\r\n");
        return;
    }
    put_list("m-activations-[", mcuforge_check_model.output(0),
             mcuforge_check_model.outputs[0].elements);
}

bool stream_hears_board(void)
{
    return stream.listens && stream.own_input;
}

uint8_t *stream_room(uint32_t bytes)
{
    return bytes == audio()->stride * sizeof *audio()->samples ? (uint8_t *)newest() : NULL;
}

void stream_loaded(void)
{
    if (stream.listens) { /* not to its own input: `db` is refused then */
        hear();
    }
}

void stream_poll(void)
{
    if (stream_hears_board() && board_audio_read(newest(), audio()->stride)) {
        hear();
    }
}

#endif
