/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <string.h>

#include "board.h"

#define DECIMAL_LIMBS 4 /* 128 bits hold the largest float */
#define LIMB_POWER UINT32_C(1000000000)
#define LIMB_DIGITS 9

static void put_bytes(const char *text, uint32_t size)
{
    board_write((const uint8_t *)text, size);
}

/* Sends at least `width` decimal digits, with leading zeros. */
static void put_digits(uint64_t value, uint32_t width)
{
    char digits[20];
    uint32_t first = sizeof digits;
    do {
        first--;
        digits[first] = (char)('0' + (int)(value % 10U));
        value /= 10U;
    } while (value > 0U || sizeof digits - first < width);
    put_bytes(digits + first, (uint32_t)sizeof digits - first);
}

void text_put(const char *text)
{
    uint32_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    put_bytes(text, size);
}

void text_put_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        const char shown = *text >= ' ' && *text <= '~' ? *text : '?';
        put_bytes(&shown, 1);
    }
}

void text_put_u64(uint64_t value)
{
    put_digits(value, 1);
}

void text_put_i32(int32_t value)
{
    if (value < 0) {
        text_put("-");
    }
    put_digits(value < 0 ? (uint64_t)(-(int64_t)value) : (uint64_t)value, 1);
}

void text_put_number(const char *before, int32_t value, const char *after)
{
    text_put(before);
    text_put_i32(value);
    text_put(after);
}

void text_put_hex(uint8_t value)
{
    static const char digits[] = "0123456789abcdef";
    const char pair[2] = {digits[value >> 4], digits[value & 15U]};
    put_bytes(pair, 2);
}

/* Divides the little-endian number by 10^9 in place. Returns the remainder. */
static uint32_t divide_limbs(uint32_t limbs[DECIMAL_LIMBS])
{
    uint64_t rest = 0;
    for (int32_t i = DECIMAL_LIMBS - 1; i >= 0; i--) {
        rest = (rest << 32) | limbs[i];
        limbs[i] = (uint32_t)(rest / LIMB_POWER);
        rest %= LIMB_POWER;
    }
    return (uint32_t)rest;
}

/* Sends every digit of significand * 2^shift, as printf does. shift is 0 to 104. */
static void put_large(uint32_t significand, uint32_t shift)
{
    uint32_t limbs[DECIMAL_LIMBS] = {0};
    const uint64_t placed = (uint64_t)significand << (shift % 32U);
    limbs[shift / 32U] = (uint32_t)placed;
    if (shift / 32U + 1U < DECIMAL_LIMBS) {
        limbs[shift / 32U + 1U] = (uint32_t)(placed >> 32);
    }

    uint32_t groups[5]; /* 2^128 has 39 digits */
    uint32_t count = 0;
    while ((limbs[0] | limbs[1] | limbs[2] | limbs[3]) != 0U) {
        groups[count] = divide_limbs(limbs);
        count++;
    }
    put_digits(groups[count - 1U], 1);
    for (uint32_t i = count - 1U; i > 0U; i--) {
        put_digits(groups[i - 1U], LIMB_DIGITS);
    }
}

/* round(value / 2^shift), halves to even. value < 2^34, shift is 1 to 149. */
static uint64_t round_shift(uint64_t value, uint32_t shift)
{
    if (shift > 40U) {
        return 0;
    }
    const uint64_t whole = value >> shift;
    const uint64_t rest = value & ((UINT64_C(1) << shift) - 1U);
    const uint64_t half = UINT64_C(1) << (shift - 1U);
    return whole + (rest > half || (rest == half && (whole & 1U) != 0U) ? 1U : 0U);
}

void text_put_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t exponent = (bits >> 23) & 0xFFU;
    const uint32_t fraction = bits & 0x7FFFFFU;
    if ((bits >> 31) != 0U) {
        text_put("-");
    }
    if (exponent == 0xFFU) {
        text_put(fraction != 0U ? "nan" : "inf");
        return;
    }
    /* value = significand * 2^(power - 150) */
    const uint32_t significand = exponent != 0U ? fraction | 0x800000U : fraction;
    const uint32_t power = exponent != 0U ? exponent : 1U;
    if (power >= 150U) {
        put_large(significand, power - 150U);
        text_put(".000");
        return;
    }
    const uint64_t thousandths = round_shift((uint64_t)significand * 1000U, 150U - power);
    put_digits(thousandths / 1000U, 1);
    text_put(".");
    put_digits(thousandths % 1000U, 3);
}
