/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames carry bytes beside the text protocol, on the same UART.
 *
 *     0x00  0xA5  COBS(header body crc)  0x00
 *
 * COBS leaves no zero inside, text never holds one, and no text begins with 0xA5. So a zero is
 * always a border, and the byte after it says whether a frame or text begins. The closing zero of a
 * frame may be the opening zero of the next. After noise, sender and receiver thus agree again at
 * the next zero.
 *
 *     header  kind u8, status u8, nonce u32, sequence u32
 *     body    up to FRAME_BODY_BYTES
 *     crc     CRC-32 (IEEE 802.3, as zlib's crc32) of header and body, u32
 *
 * Numbers are little-endian. session.h lists the kinds and the contents of their bodies, and
 * docs/protocol.md of mcuforge says all of it once more for other clients.
 *
 * A frame of kind, status and sequence u16 alone asks which version of the protocol is spoken here;
 * hosts of versions 1 to 4 begin with it. The answer is as short, with the version as u32 behind it.
 */
#ifndef MCUFORGE_FRAME_H
#define MCUFORGE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Data bytes in one WRITE or READ. The receive ring must hold two frames of that size. */
#ifndef CHECK_DATA_BYTES
#define CHECK_DATA_BYTES 256
#endif
#if CHECK_DATA_BYTES < 240
#error "the answer to HELLO needs 248 bytes"
#endif

#define FRAME_SYNC 0xA5U
#define FRAME_ANSWER 0x80U /* added to the kind of the request */
#define FRAME_NO_REQUEST 0x7FU /* and above: such an answer would be a notice, and answers */
#define FRAME_BODY_BYTES (CHECK_DATA_BYTES + 8) /* data, and index and offset before it */
#define FRAME_HEADER_BYTES 10
#define FRAME_CRC_BYTES 4
#define FRAME_RAW_BYTES (FRAME_HEADER_BYTES + FRAME_BODY_BYTES + FRAME_CRC_BYTES)

/* The longest frame on the line: a zero, the sync byte, COBS with a byte per 254, a zero. */
#define FRAME_WIRE_BYTES (FRAME_RAW_BYTES + FRAME_RAW_BYTES / 254 + 1 + 3)

struct frame {
    uint8_t kind;
    bool asks_version; /* the short frame; then only kind and sequence are set */
    uint32_t nonce;
    uint32_t sequence;
    uint32_t crc;        /* tells one request from another of the same number */
    const uint8_t *body; /* valid until the answer begins */
    uint32_t size;
};

/* Receiving. Call frame_begin() after the sync byte, then frame_push() per byte up to a zero. */
void frame_begin(void);
void frame_push(uint8_t byte);

/* Call it at the closing zero. Returns true if the frame is whole and its CRC agrees. */
bool frame_end(struct frame *request);

/*
 * Sending. Write the body to frame_body(), at most FRAME_BODY_BYTES, then send it. Both directions
 * share one buffer: copy what you need of the request before you write the answer.
 */
uint8_t *frame_body(void);
void frame_send(uint8_t kind, uint8_t status, uint32_t nonce, uint32_t sequence, uint32_t size);

/* Answers a frame that asks for the version. */
void frame_send_version(const struct frame *request, uint32_t version);

/* The CRC-32 of bytes behind others whose CRC is `before`; 0 before the first. */
uint32_t frame_crc32(uint32_t before, const uint8_t *bytes, uint32_t size);

/* Little-endian numbers at any address. */
uint32_t frame_u32(const uint8_t *at);
uint8_t *frame_put_u32(uint8_t *at, uint32_t value); /* returns the address behind it */
uint8_t *frame_put_u64(uint8_t *at, uint64_t value);

#endif
