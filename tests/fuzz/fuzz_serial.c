/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer entry: hostile bytes on the serial line of the check firmware.
 *
 * An input is a list of pieces, each a control byte, a length byte and that many bytes:
 *
 *     control % 4 == 0   the bytes as they are
 *     control % 4 == 1   a frame: kind, how far its number is from the next one, whether it is of
 *                        another session, body; packed and checked. A RUN of three numbers gets the
 *                        CRC of the inputs, an OPEN of one the model's hash
 *     control % 4 == 2   the same, with one byte of the wire changed
 *     control % 4 == 3   a second of silence
 *
 * Held after every piece: what the firmware says is printable lines and frames whose CRC agrees.
 * Held at the end: HELLO is answered and a session opens, whatever came before, and nothing was
 * written outside the arena. The sanitizers hold the rest.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "check.h"
#include "check_model.h"
#include "measure.h"
#include "session.h"
#include "source.h"

#define TICK_HZ 1000000U
#define WIRE_MAX 640U /* a frame of a 255-byte piece, packed */
#define SAID_MAX (1U << 20)
#define SYNC 0xA5U
#define SHORT_BYTES 4U
#define HEADER_BYTES 10U
#define CRC_BYTES 4U
#define EPOCH_AT 52U /* in the body of the answer to HELLO */
#define NONCE 0x12345678U

const char board_id[] = "fuzz";
const uint32_t board_tick_hz = TICK_HZ;

void board_core(struct board_core *core)
{
    *core = (struct board_core){216000000u, 7u, BOARD_CACHE_INSTRUCTION | BOARD_CACHE_DATA};
}

uint32_t board_chip_id(void)
{
    return 0;
}

enum board_reset board_reset_reason(void)
{
    return BOARD_RESET_UNKNOWN;
}
uint8_t board_stack_low[1]; /* the fuzzer's stack is not the board's: nothing is painted */
uint8_t board_stack_high[1];

static const uint8_t *line;
static size_t line_size;
static uint64_t ticks;
static uint8_t said[SAID_MAX];
static size_t said_size;
static uint32_t epoch;    /* as the last HELLO said */
static uint32_t executed; /* the last number of our session */

void board_init(void)
{
}

void board_pins_start(void)
{
}

void board_pin_write(enum board_pin pin, bool high)
{
    (void)pin;
    (void)high;
}

bool board_audio_start(void)
{
    return false;
}

void board_audio_stop(void)
{
}

bool board_audio_read(int16_t *to, uint32_t count)
{
    (void)to;
    (void)count;
    return false;
}

int32_t board_read(void)
{
    if (line_size == 0U) {
        return -1;
    }
    line_size--;
    return *line++;
}

uint32_t board_dropped(void)
{
    return 0;
}

void board_write(const uint8_t *data, uint32_t size)
{
    if (size > SAID_MAX - said_size) {
        abort();
    }
    memcpy(said + said_size, data, size);
    said_size += size;
}

uint64_t board_ticks(void)
{
    ticks += 10U;
    return ticks;
}

void board_halt(void)
{
    abort();
}

/* Bit by bit, unlike the firmware's. */
static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int32_t bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0U ? 0xEDB88320U : 0U);
        }
    }
    return ~crc;
}

static uint32_t u32_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void fail(const char *what)
{
    fprintf(stderr, "the firmware %s\n", what);
    abort();
}

/* Header and body of the frame between two zeros, unpacked in place; aborts when it is none. */
static size_t unpack(uint8_t *chunk, size_t size)
{
    size_t from = 0;
    size_t to = 0;
    while (from < size) {
        const size_t code = chunk[from];
        if (code - 1U > size - from - 1U) {
            fail("sent a block that ends too early");
        }
        memmove(chunk + to, chunk + from + 1U, code - 1U);
        from += code;
        to += code - 1U;
        if (code < 255U && from < size) {
            chunk[to] = 0;
            to++;
        }
    }
    if (to < SHORT_BYTES + CRC_BYTES) {
        fail("sent a frame that is too short");
    }
    if (crc32(chunk, to - CRC_BYTES) != u32_at(chunk + to - CRC_BYTES)) {
        fail("sent a frame with a wrong CRC");
    }
    return to - CRC_BYTES;
}

/* Learn from a frame of the firmware. Returns true if it is an answer of that kind. */
static bool hear(const uint8_t *raw, size_t size, uint8_t kind)
{
    if (size < HEADER_BYTES) {
        return false; /* the version */
    }
    if (raw[0] == (SESSION_HELLO | FRAME_ANSWER)) {
        epoch = u32_at(raw + HEADER_BYTES + EPOCH_AT);
    } else if (u32_at(raw + 2) == NONCE && raw[1] != SESSION_CLOSED &&
               (raw[0] == SESSION_NOTICE || raw[1] != SESSION_STALE)) {
        executed = u32_at(raw + 6);
    }
    return raw[0] == (kind | FRAME_ANSWER) && raw[1] == SESSION_OK;
}

/* Check all that was said and forget it; whether an OK answer of `kind` was among it. */
static bool check_said(uint8_t kind)
{
    bool heard = false;
    size_t begin = 0;
    for (size_t end = 0; end <= said_size; end++) {
        if (end < said_size && said[end] != 0U) {
            continue;
        }
        if (end > begin && said[begin] == SYNC) {
            if (end == said_size) {
                fail("left a frame open");
            }
            const size_t size = unpack(said + begin + 1U, end - begin - 1U);
            heard = hear(said + begin + 1U, size, kind) || heard;
        } else {
            for (size_t i = begin; i < end; i++) {
                if ((said[i] < ' ' || said[i] > '~') && said[i] != '\r' && said[i] != '\n') {
                    fail("sent text with an unprintable byte");
                }
            }
        }
        begin = end + 1U;
    }
    said_size = 0;
    return heard;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (uint32_t i = 0; i < 4U; i++) {
        at[i] = (uint8_t)(value >> (8U * i));
    }
}

/* The CRC that a RUN needs. */
static uint32_t inputs_crc(bool goes_on)
{
    uint32_t crc = goes_on ? source_crc() : 0;
    for (int32_t i = 0; !goes_on && i < mcuforge_check_model.input_count; i++) {
        const uint8_t *const input = mcuforge_check_model.input(i);
        if (input != NULL) {
            crc = frame_crc32(crc, input, mcuforge_check_model.inputs[i].bytes);
        }
    }
    return crc;
}

/* A frame as the host sends it, of the bytes of a piece. */
static size_t pack(const uint8_t *bytes, size_t size, uint8_t *wire)
{
    uint8_t raw[HEADER_BYTES + 288U + CRC_BYTES] = {0};
    raw[0] = size > 0U ? bytes[0] : 0;
    const int8_t away = size > 1U ? (int8_t)bytes[1] : 0;
    const bool foreign = size > 2U && bytes[2] != 0U;
    put_u32(raw + 2, foreign ? bytes[2] : NONCE);
    put_u32(raw + 6, executed + 1U + (uint32_t)(int32_t)away);
    size_t body = size > 3U ? size - 3U : 0;
    if (body > 0U) {
        memcpy(raw + HEADER_BYTES, bytes + 3, body);
    }
    if (raw[0] == SESSION_RUN && body == 12U) {
        const bool goes_on = (u32_at(raw + HEADER_BYTES + 8U) & SESSION_GOES_ON) != 0U;
        put_u32(raw + HEADER_BYTES + body, inputs_crc(goes_on));
        body += 4U;
    }
    if (raw[0] == SESSION_OPEN && body == 4U) {
        memcpy(raw + HEADER_BYTES + body, mcuforge_check_model.hash, 32);
        body += 32U;
    }
    size_t total = HEADER_BYTES + body;
    const uint32_t crc = crc32(raw, total);
    for (uint32_t i = 0; i < CRC_BYTES; i++) {
        raw[total] = (uint8_t)(crc >> (8U * i));
        total++;
    }

    size_t at = 0;
    wire[at++] = 0;
    wire[at++] = SYNC;
    size_t code_at = at++;
    for (size_t i = 0; i < total; i++) {
        if (raw[i] != 0U) {
            wire[at++] = raw[i];
        }
        if (raw[i] == 0U || at - code_at == 255U) {
            wire[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        }
    }
    wire[code_at] = (uint8_t)(at - code_at);
    wire[at++] = 0;
    return at;
}

static void receive(const uint8_t *bytes, size_t size)
{
    line = bytes;
    line_size = size;
    check_poll();
}

static void play(uint8_t control, const uint8_t *bytes, size_t size)
{
    uint8_t wire[WIRE_MAX];
    size_t wire_size;
    switch (control % 4U) {
    case 0:
        receive(bytes, size);
        break;
    case 1:
        wire_size = pack(bytes, size, wire);
        receive(wire, wire_size);
        break;
    case 2:
        wire_size = pack(bytes, size, wire);
        wire[(control / 4U) * 7U % wire_size] ^= (uint8_t)(control | 1U);
        receive(wire, wire_size);
        break;
    default:
        ticks += TICK_HZ;
        receive(NULL, 0);
        break;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    check_init();
    check_said(0);
    return 0;
}

static bool ask(const uint8_t *bytes, size_t size)
{
    uint8_t wire[WIRE_MAX];
    receive(wire, pack(bytes, size, wire));
    return check_said(bytes[0]);
}

/* Open a session as a host does. */
static bool open_session(void)
{
    const uint8_t hello[1] = {SESSION_HELLO};
    uint8_t open[7] = {SESSION_OPEN};
    if (!ask(hello, sizeof hello)) {
        return false;
    }
    executed = 0;
    put_u32(open + 3, epoch);
    return ask(open, sizeof open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t forget[] = "db load 0%";

    /* the state an input starts from, so that a finding is found again from its input alone */
    receive(forget, sizeof forget - 1U);
    check_said(0);
    if (!open_session()) {
        fail("opens no session");
    }
    while (size >= 2U) {
        const size_t wanted = data[1];
        const size_t length = wanted < size - 2U ? wanted : size - 2U;
        play(data[0], data + 2, length);
        check_said(0);
        data += 2U + length;
        size -= 2U + length;
    }
    if (measure_canary_before() != 0U || measure_canary_after() != 0U) {
        fail("wrote outside the model's arena");
    }
    if (!open_session()) {
        fail("no longer opens a session");
    }
    return 0;
}
