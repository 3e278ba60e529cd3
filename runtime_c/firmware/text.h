/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of text to the host, without stdio. No function here sends a zero byte, because zeros
 * separate text from frames.
 */
#ifndef MCUFORGE_TEXT_H
#define MCUFORGE_TEXT_H

#include <stdint.h>

void text_put(const char *text);

/* Sends '?' for bytes that are not printable ASCII. */
void text_put_printable(const char *text);

void text_put_u64(uint64_t value);
void text_put_i32(int32_t value);

/* The number between two texts. */
void text_put_number(const char *before, int32_t value, const char *after);

/* Two lower-case hex digits. */
void text_put_hex(uint8_t value);

/* Exactly as printf's "%0.3f": halves to even, "-0.000", "inf", "nan", every digit. */
void text_put_float(float value);

#endif
