/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F407, F429 and F446: clocks, the UART that the board's file names, cycle counter, identity.
 * RM0090: sections 8 (GPIO), 18 (TIM2 to TIM5), 30 (USART), 38 (debug); RM0390: 7, 17, 25 and 33.
 */
#include "baud.h"
#include "board.h"
#include "board_config.h"
#include "chip.h"
#include "clock.h"
#include "dwt.h"
#include "family.h"
#include "fault.h"
#include "rcc.h"
#include "reg.h"
#include "stm32_usart_v1.h"
#include "widen.h"

/* RM0090 and RM0390, 'Memory map', register boundary addresses */
#define GPIO(port) (0x40020000u + 0x400u * (port))
#define TIM5 0x40000C00u
#if defined(BOARD_UART_USART1)
#define UART 0x40011000u
#define UART_HZ APB2_HZ
#elif defined(BOARD_UART_USART2)
#define UART 0x40004400u
#define UART_HZ APB1_HZ
#elif defined(BOARD_UART_USART3)
#define UART 0x40004800u
#define UART_HZ APB1_HZ
#endif

#if !BAUD_IS_NEAR(UART_HZ)
#error the UART misses the baud rate of the board by 2 % or more: another baud in its file
#endif

/* RM0090, 'GPIO registers' */
#define GPIO_MODER(port) REG32(GPIO(port) + 0x00u)
#define GPIO_PUPDR(port) REG32(GPIO(port) + 0x0Cu)
#define GPIO_AFR(port, pin) REG32(GPIO(port) + 0x20u + 4u * ((pin) / 8u))
#define MODE_ALTERNATE 2u
#define PULL_UP 1u

/* RM0090, 'TIMx registers' */
#define TIM5_CR1 REG32(TIM5 + 0x00u)
#define TIM5_EGR REG32(TIM5 + 0x14u)
#define TIM5_CNT REG32(TIM5 + 0x24u)
#define TIM5_PSC REG32(TIM5 + 0x28u)
#define TIM_ENABLE (1u << 0)
#define TIM_UPDATE (1u << 0) /* loads the prescaler and clears the counter */
#define TIM5_PRESCALE_SHIFT 16u
#define COARSE_SHIFT 17u     /* TIMER_DIVISOR is 2: TIM5 counts once per 2^17 cycles of the core */

#define DBGMCU_IDCODE REG32(0xE0042000u) /* RM0090, 'MCU device ID code' */

/* RM0090, 'RCC clock control & status register' */
#define CSR_REMOVE_FLAGS (1u << 24)
#define CSR_BROWN_OUT (1u << 25)
#define CSR_PIN (1u << 26)
#define CSR_POWER (1u << 27)
#define CSR_SOFTWARE (1u << 28)
#define CSR_WATCHDOGS (3u << 29)
#define CSR_LOW_POWER (1u << 31)

static uint32_t reset_flags;

static void uart_pin(uint32_t port, uint32_t pin)
{
    const uint32_t at = 4u * (pin % 8u);
    GPIO_AFR(port, pin) = (GPIO_AFR(port, pin) & ~(15u << at)) | (BOARD_UART_ALTERNATE << at);
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << (2u * pin))) | (MODE_ALTERNATE << (2u * pin));
}

static void uart_start(uint32_t divisor)
{
    RCC_AHB1ENR |= AHB1ENR_GPIO(BOARD_UART_TX_PORT) | AHB1ENR_GPIO(BOARD_UART_RX_PORT);
#if defined(BOARD_UART_USART1)
    RCC_APB2ENR |= APB2ENR_USART1;
    (void)RCC_APB2ENR; /* RM0090, 'Clocks': a register works two cycles after its clock is on */
#elif defined(BOARD_UART_USART2)
    RCC_APB1ENR |= APB1ENR_USART2;
    (void)RCC_APB1ENR;
#elif defined(BOARD_UART_USART3)
    RCC_APB1ENR |= APB1ENR_USART3;
    (void)RCC_APB1ENR;
#endif
    /* an unplugged cable must not read as a start bit */
    GPIO_PUPDR(BOARD_UART_RX_PORT) |= PULL_UP << (2u * BOARD_UART_RX_PIN);
    stm32_usart_start(UART, divisor); /* before the pins, which would drop the line meanwhile */
    uart_pin(BOARD_UART_TX_PORT, BOARD_UART_TX_PIN);
    uart_pin(BOARD_UART_RX_PORT, BOARD_UART_RX_PIN);
}

static void counters_start(void)
{
    RCC_APB1ENR |= APB1ENR_TIM5;
    (void)RCC_APB1ENR;
    dwt_start();
    TIM5_PSC = (1u << TIM5_PRESCALE_SHIFT) - 1u; /* after the cycle counter, as widen() wants */
    TIM5_EGR = TIM_UPDATE;
    TIM5_CR1 = TIM_ENABLE;
}

void family_init(void)
{
    reset_flags = RCC_CSR;
    RCC_CSR |= CSR_REMOVE_FLAGS; /* or the next reset would show this one's too */
#if !defined(BOARD_CHIP_STM32F446)
    RCC_AHB1ENR |= AHB1ENR_CCM;
#endif
    const char *const failed = clock_start();
    if (failed != 0) {
        /* at 921600 baud 16 MHz is 2 % off: then the line may be unreadable, but is not silent */
        uart_start(BAUD_DIVISOR(HSI_HZ));
        const struct fault_word words[] = {{"rcc_cr", RCC_CR}, {"rcc_cfgr", RCC_CFGR}};
        fault_report(failed, words, 2);
    }
    counters_start();
    uart_start(BAUD_DIVISOR(UART_HZ));
}

void family_send(uint8_t byte)
{
    stm32_usart_send(UART, byte);
}

void family_receive(void)
{
    stm32_usart_receive(UART);
}

uint64_t board_ticks(void)
{
    const uint64_t coarse = (uint64_t)TIM5_CNT << COARSE_SHIFT;
    return widen(coarse, DWT_CYCCNT);
}

uint32_t board_chip_id(void)
{
    return DBGMCU_IDCODE;
}

/* Several flags are set at once: a power-on also shows the pin and brown-out. */
enum board_reset board_reset_reason(void)
{
    if ((reset_flags & CSR_LOW_POWER) != 0u) {
        return BOARD_RESET_LOW_POWER;
    }
    if ((reset_flags & CSR_WATCHDOGS) != 0u) {
        return BOARD_RESET_WATCHDOG;
    }
    if ((reset_flags & CSR_SOFTWARE) != 0u) {
        return BOARD_RESET_SOFTWARE;
    }
    if ((reset_flags & (CSR_POWER | CSR_BROWN_OUT)) != 0u) {
        return BOARD_RESET_POWER;
    }
    return (reset_flags & CSR_PIN) != 0u ? BOARD_RESET_PIN : BOARD_RESET_UNKNOWN;
}
