/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SDRAM on bank 1: RM0385, 'Flexible memory controller (FMC)', 'SDRAM controller'; the data sheet of
 * the MT48LC4M32B2, speed grade -6A, of which 16 of its 32 data lines are connected.
 */
#include "external.h"

#include <stdbool.h>
#include <stdint.h>

#include "board_config.h"
#include "dwt.h"
#include "mpu.h"
#include "reg.h"
#include "stm32_pins.h"
#include "stm32_rcc.h"

#define PATIENCE 100000u /* reads of a register: milliseconds; a command takes under 10 us */
#include "wait.h"

#if defined(BOARD_SDRAM_BYTES)

#if !defined(BOARD_SDRAM_PART_MT48LC4M32B2)
#error the file of the board names an SDRAM that chip/stm32f7 does not know
#endif

/* RM0385, 'SDRAM controller registers' */
#define FMC_BCR1 REG32(0xA0000000u) /* 'SRAM/NOR-Flash chip-select control register for bank 1' */
#define FMC_SDCR1 REG32(0xA0000140u)
#define FMC_SDTR1 REG32(0xA0000148u)
#define FMC_SDCMR REG32(0xA0000150u)
#define FMC_SDRTR REG32(0xA0000154u)
#define FMC_SDSR REG32(0xA0000158u)

#define BCR_ENABLE (1u << 0)
#define SDCR_COLUMNS_8 (0u << 0)
#define SDCR_ROWS_12 (1u << 2)
#define SDCR_LINES_16 (1u << 4)
#define SDCR_BANKS_4 (1u << 6)
#define SDCR_CAS_AT 7u
#define SDCR_CLOCK_AT 10u /* HCLK / 2 or / 3 */
#define SDCR_BURST (1u << 12)
#define SDCMR_CLOCK 1u
#define SDCMR_PRECHARGE 2u
#define SDCMR_REFRESH 3u
#define SDCMR_MODE 4u
#define SDCMR_BANK_1 (1u << 4)
#define SDCMR_REFRESHES_AT 5u
#define SDCMR_MODE_AT 9u
#define SDRTR_COUNT_AT 1u
#define SDSR_BUSY (1u << 5)

/* DS10916, 'SDRAM waveforms and timings': FMC_SDCLK runs at most at 100 MHz */
#define SDRAM_HZ 100000000u
#define DIVISOR (BOARD_CLOCK_HZ > 2u * SDRAM_HZ ? 3u : 2u)
#define SDCLK_HZ (BOARD_CLOCK_HZ / DIVISOR)
#if BOARD_CLOCK_HZ > 300000000
#error the clock of the SDRAM would be too fast
#endif

/* MT48LC4M32B2, 'Electrical Specifications - AC Operating Conditions', -6A; nanoseconds */
#define T_RC 60u  /* row cycle: active to active */
#define T_RAS 42u /* active to precharge */
#define T_RP 18u  /* precharge to active */
#define T_RCD 18u /* active to read or write */
#define T_WR 6u   /* last data to precharge, and one cycle more */
#define T_XSR 67u /* self refresh to active */
#define MODE_CYCLES 2u
#define CAS_CYCLES 2u /* up to 100 MHz */
/* 'Refresh': 4,096 rows every 64 ms */
#define ROW_NS 15625u
/* 'Initialization': 100 us of clock before the first command, at least two refreshes */
#define POWER_UP_US 100u
#define REFRESHES 8u
/* 'Mode Register': bursts of one word, as RM0385 wants, for reads and writes */
#define MODE_SINGLE_WRITES (1u << 9)
#define MODE (MODE_SINGLE_WRITES | (CAS_CYCLES << 4))

/* RM0385, 'SDRAM Timing registers 1,2': fields hold cycles - 1 */
#define CYCLES(ns) (((ns) * (SDCLK_HZ / 1000000u) + 999u) / 1000u)
#define LATEST(a, b) ((a) > (b) ? (a) : (b))
/* the same section: TWR >= TRAS - TRCD */
#define WRITE_CYCLES LATEST(CYCLES(T_WR) + 1u, CYCLES(T_RAS) - CYCLES(T_RCD))
#define TIMING                                                                        \
    ((MODE_CYCLES - 1u) | ((CYCLES(T_XSR) - 1u) << 4) | ((CYCLES(T_RAS) - 1u) << 8) | \
     ((CYCLES(T_RC) - 1u) << 12) | ((WRITE_CYCLES - 1u) << 16) |                      \
     ((CYCLES(T_RP) - 1u) << 20) | ((CYCLES(T_RCD) - 1u) << 24))

/* RM0385, 'SDRAM Refresh Timer register': cycles per row, less 20 for a refresh that must wait */
#define REFRESH_COUNT (ROW_NS * (SDCLK_HZ / 1000000u) / 1000u - 20u)

#define SDRAM_BYTES_LOG2 23u
#if BOARD_SDRAM_BYTES != 1 << SDRAM_BYTES_LOG2
#error the file of the board gives the SDRAM another size than 16 lines of an MT48LC4M32B2 have
#endif

static bool command(uint32_t what)
{
    if (!wait_for(&FMC_SDSR, SDSR_BUSY, 0u)) {
        return false;
    }
    FMC_SDCMR = what | SDCMR_BANK_1;
    return true;
}

static void wait_us(uint32_t us)
{
    const uint32_t start = DWT_CYCCNT;
    while (DWT_CYCCNT - start < us * (BOARD_CLOCK_HZ / 1000000u)) {
    }
}

/* The order is that of RM0385, 'SDRAM initialization'. */
const char *sdram_start(void)
{
    static const struct memory_pin pins[] = {BOARD_SDRAM_PINS};
    RCC_AHB3ENR |= AHB3ENR_FMC;
    (void)RCC_AHB3ENR; /* RM0385, 'Clocks': a register works two cycles after its clock is on */
    memory_pins_start(pins, sizeof pins / sizeof pins[0]);

    /* On after a reset, at 0x60000000, where the core may read ahead: the FMC would wait for a
       memory that is not there, and the SDRAM with it. */
    FMC_BCR1 &= ~BCR_ENABLE;
    FMC_SDCR1 = SDCR_COLUMNS_8 | SDCR_ROWS_12 | SDCR_LINES_16 | SDCR_BANKS_4 |
                (CAS_CYCLES << SDCR_CAS_AT) | (DIVISOR << SDCR_CLOCK_AT) | SDCR_BURST;
    FMC_SDTR1 = TIMING;
    if (!command(SDCMR_CLOCK)) {
        return "sdram-clock";
    }
    wait_us(POWER_UP_US);
    if (!command(SDCMR_PRECHARGE) ||
        !command(SDCMR_REFRESH | ((REFRESHES - 1u) << SDCMR_REFRESHES_AT)) ||
        !command(SDCMR_MODE | (MODE << SDCMR_MODE_AT))) {
        return "sdram-command";
    }
    FMC_SDRTR = REFRESH_COUNT << SDRTR_COUNT_AT;

    /* DDI 0403, 'The default memory map': device memory, where unaligned accesses fault */
    mpu_restrict(MPU_SDRAM, BOARD_SDRAM_ORIGIN, SDRAM_BYTES_LOG2, MPU_CACHED_DATA);
    return 0;
}

#endif
