/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins of an STM32F7 that lead to a memory outside the chip: RM0385, 'GPIO registers' and 'Memory
 * map'.
 */
#ifndef MCUFORGE_STM32_PINS_H
#define MCUFORGE_STM32_PINS_H

#include <stdint.h>

#include "reg.h"
#include "stm32_rcc.h"

struct memory_pin {
    uint8_t port; /* GPIOA is 0 */
    uint8_t number;
    uint8_t alternate;
};

#define PIN_REGISTER(port, offset) REG32(GPIO_ORIGIN + 0x400u * (port) + (offset))
#define PIN_MODER(port) PIN_REGISTER(port, 0x00u)
#define PIN_OSPEEDR(port) PIN_REGISTER(port, 0x08u)
#define PIN_AFR(port, number) PIN_REGISTER(port, 0x20u + 4u * ((number) / 8u))
#define PIN_ALTERNATE 2u
/* DS10916, 'I/O AC characteristics': the speeds below do not reach 100 MHz at 30 pF */
#define PIN_FASTEST 3u

static inline void memory_pins_start(const struct memory_pin *pins, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t port = pins[i].port, number = pins[i].number;
        const uint32_t half = 4u * (number % 8u), pair = 2u * number;
        RCC_GPIOENR |= GPIOENR_PORT(port);
        (void)RCC_GPIOENR; /* RM0385, 'Clocks': a register works two cycles after its clock is on */
        PIN_AFR(port, number) =
            (PIN_AFR(port, number) & ~(15u << half)) | ((uint32_t)pins[i].alternate << half);
        PIN_OSPEEDR(port) |= PIN_FASTEST << pair;
        PIN_MODER(port) = (PIN_MODER(port) & ~(3u << pair)) | (PIN_ALTERNATE << pair);
    }
}

#endif
