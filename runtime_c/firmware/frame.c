/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include "board.h"

#define SHORT_BYTES 4 /* kind, status, sequence u16: the question for the version */
#define BLOCK_MAX 254U /* bytes of the longest COBS block */

static struct {
    uint8_t raw[FRAME_RAW_BYTES]; /* header, body, crc: of the request, then of its answer */
    uint32_t size;
    uint32_t block_left; /* bytes left in the current COBS block */
    bool zero_due;       /* a zero follows the block, if another block follows */
    bool overlong;
} packet;

/* Takes half a byte at a time: a table of 64 bytes instead of 1024. */
uint32_t frame_crc32(uint32_t before, const uint8_t *bytes, uint32_t size)
{
    static const uint32_t table[16] = {
        0x00000000U, 0x1DB71064U, 0x3B6E20C8U, 0x26D930ACU, 0x76DC4190U, 0x6B6B51F4U,
        0x4DB26158U, 0x5005713CU, 0xEDB88320U, 0xF00F9344U, 0xD6D6A3E8U, 0xCB61B38CU,
        0x9B64C2B0U, 0x86D3D2D4U, 0xA00AE278U, 0xBDBDF21CU,
    };
    uint32_t crc = before ^ 0xFFFFFFFFU;
    for (uint32_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ table[crc & 15U];
        crc = (crc >> 4) ^ table[crc & 15U];
    }
    return crc ^ 0xFFFFFFFFU;
}

uint32_t frame_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint8_t *frame_put_u32(uint8_t *at, uint32_t value)
{
    for (uint32_t i = 0; i < 4U; i++) {
        at[i] = (uint8_t)(value >> (8U * i));
    }
    return at + 4;
}

uint8_t *frame_put_u64(uint8_t *at, uint64_t value)
{
    return frame_put_u32(frame_put_u32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

void frame_begin(void)
{
    packet.size = 0;
    packet.block_left = 0;
    packet.zero_due = false;
    packet.overlong = false;
}

static void keep(uint8_t byte)
{
    if (packet.size == FRAME_RAW_BYTES) {
        packet.overlong = true;
        return;
    }
    packet.raw[packet.size] = byte;
    packet.size++;
}

void frame_push(uint8_t byte)
{
    if (packet.block_left > 0U) {
        packet.block_left--;
        keep(byte);
        return;
    }
    if (packet.zero_due) {
        keep(0);
    }
    packet.block_left = byte - 1U;
    packet.zero_due = byte != BLOCK_MAX + 1U;
}

bool frame_end(struct frame *request)
{
    if (packet.overlong || packet.block_left > 0U || packet.size < SHORT_BYTES + FRAME_CRC_BYTES) {
        return false;
    }
    const uint32_t covered = packet.size - FRAME_CRC_BYTES;
    request->crc = frame_u32(packet.raw + covered);
    if (request->crc != frame_crc32(0, packet.raw, covered)) {
        return false;
    }
    request->kind = packet.raw[0];
    request->asks_version = covered == SHORT_BYTES;
    if (request->asks_version) {
        request->sequence = (uint32_t)packet.raw[2] | (uint32_t)packet.raw[3] << 8;
        return true;
    }
    if (covered < FRAME_HEADER_BYTES) {
        return false;
    }
    request->nonce = frame_u32(packet.raw + 2);
    request->sequence = frame_u32(packet.raw + 6);
    request->body = packet.raw + FRAME_HEADER_BYTES;
    request->size = covered - FRAME_HEADER_BYTES;
    return true;
}

uint8_t *frame_body(void)
{
    return packet.raw + FRAME_HEADER_BYTES;
}

static void send_cobs(const uint8_t *bytes, uint32_t size)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t run = 0;
        while (run < BLOCK_MAX && at + run < size && bytes[at + run] != 0U) {
            run++;
        }
        const uint8_t code = (uint8_t)(run + 1U);
        board_write(&code, 1);
        board_write(bytes + at, run);
        at += run;
        if (at == size) {
            return;
        }
        if (run < BLOCK_MAX) {
            at++; /* the zero behind this block */
        }
    }
}

/* Sends header and body, which stand in the buffer, and their CRC. */
static void send_frame(uint32_t covered)
{
    static const uint8_t border[2] = {0, FRAME_SYNC};
    frame_put_u32(packet.raw + covered, frame_crc32(0, packet.raw, covered));
    board_write(border, 2);
    send_cobs(packet.raw, covered + FRAME_CRC_BYTES);
    board_write(border, 1);
}

void frame_send(uint8_t kind, uint8_t status, uint32_t nonce, uint32_t sequence, uint32_t size)
{
    packet.raw[0] = kind;
    packet.raw[1] = status;
    frame_put_u32(frame_put_u32(packet.raw + 2, nonce), sequence);
    send_frame(FRAME_HEADER_BYTES + size);
}

void frame_send_version(const struct frame *request, uint32_t version)
{
    packet.raw[0] = request->kind | FRAME_ANSWER;
    packet.raw[1] = 0;
    packet.raw[2] = (uint8_t)request->sequence;
    packet.raw[3] = (uint8_t)(request->sequence >> 8);
    frame_put_u32(packet.raw + SHORT_BYTES, version);
    send_frame(SHORT_BYTES + 4U);
}
