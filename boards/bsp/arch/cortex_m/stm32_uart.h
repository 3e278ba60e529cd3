/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UART and the pins that the board's file names: RM0090, RM0390, RM0385, RM0432 and RM0433,
 * sections 'GPIO registers' and 'Memory map' (RM0433: 'Memory organization'). Include
 * stm32_usart_v1.h or stm32_usart_v2.h before it. The family's clock.h has the origin of the ports
 * and the registers' enable bits.
 */
#ifndef MCUFORGE_STM32_UART_H
#define MCUFORGE_STM32_UART_H

#include "baud.h"
#include "board_config.h"
#include "clock.h"
#include "reg.h"

/* 'Memory map', register boundary addresses */
#define GPIO(port) (GPIO_ORIGIN + 0x400u * (port))
#if defined(BOARD_UART_USART1)
#define UART 0x40011000u
#define UART_HZ APB2_HZ
#elif defined(BOARD_UART_USART2)
#define UART 0x40004400u
#define UART_HZ APB1_HZ
#elif defined(BOARD_UART_USART3)
#define UART 0x40004800u
#define UART_HZ APB1_HZ
#elif defined(BOARD_UART_LPUART1)
#define UART 0x40008000u
#define UART_HZ APB1_HZ
#endif

/* What the divisor divides: the clock, or 256 times it: RM0432, 'LPUART baud rate generation'. */
#if defined(BOARD_UART_LPUART1)
#define UART_WHOLE(clock_hz) (256ull * (clock_hz))
#define UART_MOST_DIVISOR 0xFFFFFu
#if BAUD_DIVISOR(UART_WHOLE(UART_HZ)) > UART_MOST_DIVISOR
#define UART_PRESCALES 1 /* a slow line at a fast clock */
#define UART_DIVIDES(clock_hz) (UART_WHOLE(clock_hz) / 4u)
#else
#define UART_DIVIDES(clock_hz) UART_WHOLE(clock_hz)
#endif
#else
#define UART_DIVIDES(clock_hz) (clock_hz)
#endif
#define UART_DIVISOR(clock_hz) ((uint32_t)BAUD_DIVISOR(UART_DIVIDES(clock_hz)))

#if !BAUD_IS_NEAR(UART_DIVIDES(UART_HZ))
#error the UART misses the baud rate of the board by 2 % or more: another baud in its file
#endif
/* RM0432, 'LPUART baud rate generation': smaller and larger divisors are forbidden */
#if defined(BOARD_UART_LPUART1) && \
    (BAUD_DIVISOR(UART_DIVIDES(UART_HZ)) < 0x300u || BAUD_DIVISOR(UART_DIVIDES(UART_HZ)) > UART_MOST_DIVISOR)
#error the LPUART cannot divide its clock to the baud rate of the board: another baud in its file
#endif

#define GPIO_MODER(port) REG32(GPIO(port) + 0x00u)
#define GPIO_PUPDR(port) REG32(GPIO(port) + 0x0Cu)
#define GPIO_BSRR(port) REG32(GPIO(port) + 0x18u) /* sets, or 16 bits further up clears */
#define GPIO_AFR(port, pin) REG32(GPIO(port) + 0x20u + 4u * ((pin) / 8u))
#define MODE_OUTPUT 1u
#define MODE_ALTERNATE 2u
#define PULL_UP 1u

static inline void uart_pin(uint32_t port, uint32_t pin)
{
    const uint32_t at = 4u * (pin % 8u);
    GPIO_AFR(port, pin) = (GPIO_AFR(port, pin) & ~(15u << at)) | (BOARD_UART_ALTERNATE << at);
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << (2u * pin))) | (MODE_ALTERNATE << (2u * pin));
}

static inline void uart_start(uint32_t divisor)
{
    RCC_GPIOENR |= GPIOENR_PORT(BOARD_UART_TX_PORT) | GPIOENR_PORT(BOARD_UART_RX_PORT);
#if defined(BOARD_UART_USART1)
    RCC_APB2ENR |= APB2ENR_USART1;
    (void)RCC_APB2ENR; /* RM0090, 'Clocks': a register works two cycles after its clock is on */
#elif defined(BOARD_UART_USART2)
    RCC_APB1ENR |= APB1ENR_USART2;
    (void)RCC_APB1ENR;
#elif defined(BOARD_UART_USART3)
    RCC_APB1ENR |= APB1ENR_USART3;
    (void)RCC_APB1ENR;
#elif defined(BOARD_UART_LPUART1)
    RCC_APB1ENR2 |= APB1ENR2_LPUART1;
    (void)RCC_APB1ENR2;
#endif
    /* an unplugged cable must not read as a start bit */
    GPIO_PUPDR(BOARD_UART_RX_PORT) |= PULL_UP << (2u * BOARD_UART_RX_PIN);
#if defined(UART_PRESCALES)
    USART_PRESC(UART) = USART_PRESC_4;
#endif
    stm32_usart_start(UART, divisor); /* before the pins, which would drop the line meanwhile */
    uart_pin(BOARD_UART_TX_PORT, BOARD_UART_TX_PIN);
    uart_pin(BOARD_UART_RX_PORT, BOARD_UART_RX_PIN);
}

#endif
