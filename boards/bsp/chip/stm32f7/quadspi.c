/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial flash with four data lines, read like memory: RM0385, 'Quad-SPI interface (QUADSPI)';
 * the N25Q128A's data sheet, '3V, Multiple I/O, 4KB Sector Erase'.
 */
#include "external.h"

#include <stdbool.h>
#include <stdint.h>

#include "board_config.h"
#include "mpu.h"
#include "reg.h"
#include "stm32_pins.h"
#include "stm32_rcc.h"

#define PATIENCE 1000000u /* reads of a register: some 50 ms; a reset takes the flash 30 ms at most */
#include "wait.h"

#if defined(BOARD_QSPI_BYTES)

#if !defined(BOARD_QSPI_PART_N25Q128A)
#error the file of the board names a flash that chip/stm32f7 does not know
#endif

/* RM0385, 'QUADSPI registers' */
#define QUADSPI 0xA0001000u
#define QUADSPI_CR REG32(QUADSPI + 0x00u)
#define QUADSPI_DCR REG32(QUADSPI + 0x04u)
#define QUADSPI_SR REG32(QUADSPI + 0x08u)
#define QUADSPI_FCR REG32(QUADSPI + 0x0Cu)
#define QUADSPI_DLR REG32(QUADSPI + 0x10u)
#define QUADSPI_CCR REG32(QUADSPI + 0x14u)
#define QUADSPI_DR REG8(QUADSPI + 0x20u)

#define CR_ENABLE (1u << 0)
#define CR_SAMPLE_LATER (1u << 4) /* half a cycle, for the time that clock and data travel */
#define CR_PRESCALER_AT 24u       /* divides HCLK by this + 1 */
#define DCR_SELECT_HIGH_AT 8u     /* cycles - 1 between two commands */
#define DCR_SIZE_AT 16u           /* bytes of the flash: 2^(this + 1) */
#define SR_COMPLETE (1u << 1)
#define SR_DATA (1u << 2) /* FTF: the FIFO holds a byte, with FTHRES at 0; of a read, until it is empty */
#define SR_BUSY (1u << 5)
#define FCR_COMPLETE (1u << 1)
#define CCR_INSTRUCTION_LINES_AT 8u
#define CCR_ADDRESS_LINES_AT 10u
#define CCR_ADDRESS_24_BITS (2u << 12)
#define CCR_DUMMY_AT 18u
#define CCR_DATA_LINES_AT 24u
#define CCR_READ (1u << 26)
#define CCR_MEMORY_MAPPED (3u << 26)
#define ONE_LINE 1u
#define FOUR_LINES 3u

/* N25Q128A, 'Command definitions' */
#define READ_ID 0x9Fu
#define READ_STATUS 0x05u
#define WRITE_ENABLE 0x06u
#define WRITE_VOLATILE_CONFIGURATION 0x81u
#define RESET_ENABLE 0x66u
#define RESET_MEMORY 0x99u
#define QUAD_IO_FAST_READ 0xEBu /* instruction on one line, address and data on four */

#define STATUS_BUSY (1u << 0)
#define ID_BYTES 3u
#define FLASH_ID 0x20BA18u /* 'READ ID Operations': Micron, 3 V, 128 Mbit */

/*
 * 'Supported Clock Frequencies': with 10 dummy cycles QUAD I/O FAST READ works up to 108 MHz.
 * 'Volatile Configuration Register': dummy cycles, no XIP, bursts that do not wrap.
 */
#define FLASH_HZ 108000000u
#define DUMMY_CYCLES 10u
#define VOLATILE_CONFIGURATION ((DUMMY_CYCLES << 4) | (1u << 3) | 3u)
#define FLASH_BYTES_LOG2 24u
#define SELECT_HIGH_NS 50u /* 'AC Characteristics and Operating Conditions': tSHSL2 */

#define PRESCALER ((BOARD_CLOCK_HZ - 1u) / FLASH_HZ)
#define CYCLES_PER_US ((BOARD_CLOCK_HZ / (PRESCALER + 1u) + 999999u) / 1000000u)
#define SELECT_HIGH_CYCLES ((SELECT_HIGH_NS * CYCLES_PER_US + 999u) / 1000u)

#if SELECT_HIGH_CYCLES > 8
#error the flash needs a longer pause between two commands than the controller makes
#endif
#if BOARD_QSPI_BYTES != 1 << FLASH_BYTES_LOG2
#error the file of the board gives the flash another size than an N25Q128A has
#endif

/* RM0385, 'Memory map': the bank has 256 MiB. Behind the flash nothing answers. */
#define BANK_BYTES_LOG2 28u

static bool idle(void)
{
    return wait_for(&QUADSPI_SR, SR_BUSY, 0u);
}

static bool raised(uint32_t flag)
{
    return wait_for(&QUADSPI_SR, flag, flag);
}

/* Send one instruction with `count` bytes of `data` behind it, or read them. False: no end. */
static bool command(uint32_t instruction, uint32_t lines, uint32_t direction, uint8_t *data,
                    uint32_t count)
{
    const uint32_t with_data = count != 0u ? lines << CCR_DATA_LINES_AT : 0u;
    if (!idle()) {
        return false;
    }
    QUADSPI_FCR = FCR_COMPLETE;
    if (count != 0u) {
        QUADSPI_DLR = count - 1u;
    }
    QUADSPI_CCR = direction | with_data | (lines << CCR_INSTRUCTION_LINES_AT) | instruction;
    for (uint32_t i = 0; i < count; i++) {
        if (direction != CCR_READ) {
            QUADSPI_DR = data[i]; /* the FIFO has room for 32 bytes */
        } else if (raised(SR_DATA)) {
            data[i] = QUADSPI_DR;
        } else {
            return false;
        }
    }
    return raised(SR_COMPLETE);
}

static bool tell(uint32_t instruction, uint32_t lines)
{
    return command(instruction, lines, 0u, 0, 0u);
}

/* A flash that other firmware has left in another protocol listens on four lines only. */
static bool reset_flash(void)
{
    uint8_t status = STATUS_BUSY;
    if (!tell(RESET_ENABLE, FOUR_LINES) || !tell(RESET_MEMORY, FOUR_LINES) ||
        !tell(RESET_ENABLE, ONE_LINE) || !tell(RESET_MEMORY, ONE_LINE)) {
        return false;
    }
    for (uint32_t left = PATIENCE; left != 0u && (status & STATUS_BUSY) != 0u; left--) {
        if (!command(READ_STATUS, ONE_LINE, CCR_READ, &status, 1u)) {
            return false;
        }
    }
    return (status & STATUS_BUSY) == 0u;
}

const char *quadspi_start(void)
{
    static const struct memory_pin pins[] = {BOARD_QSPI_PINS};
    /* AN4838, 'Managing memory protection unit in STM32 MCUs': the core may read ahead in normal
       memory. Nothing answers there yet, and never behind the flash. */
    mpu_restrict(MPU_QSPI_BANK, BOARD_QSPI_ORIGIN, BANK_BYTES_LOG2, MPU_NONE);
    RCC_AHB3ENR |= AHB3ENR_QUADSPI;
    (void)RCC_AHB3ENR; /* RM0385, 'Clocks': a register works two cycles after its clock is on */
    memory_pins_start(pins, sizeof pins / sizeof pins[0]);

    QUADSPI_DCR = ((FLASH_BYTES_LOG2 - 1u) << DCR_SIZE_AT) |
                  ((SELECT_HIGH_CYCLES - 1u) << DCR_SELECT_HIGH_AT);
    QUADSPI_CR = (PRESCALER << CR_PRESCALER_AT) | CR_SAMPLE_LATER | CR_ENABLE;

    if (!reset_flash()) {
        return "qspi-reset";
    }
    uint8_t id[ID_BYTES] = {0, 0, 0};
    if (!command(READ_ID, ONE_LINE, CCR_READ, id, ID_BYTES) ||
        ((uint32_t)id[0] << 16 | (uint32_t)id[1] << 8 | id[2]) != FLASH_ID) {
        return "qspi-id";
    }
    uint8_t configuration = VOLATILE_CONFIGURATION;
    if (!tell(WRITE_ENABLE, ONE_LINE) ||
        !command(WRITE_VOLATILE_CONFIGURATION, ONE_LINE, 0u, &configuration, 1u) ||
        !idle()) {
        return "qspi-configuration";
    }
    mpu_restrict(MPU_QSPI, BOARD_QSPI_ORIGIN, FLASH_BYTES_LOG2, MPU_CACHED_CONSTANTS);
    QUADSPI_CCR = CCR_MEMORY_MAPPED | (FOUR_LINES << CCR_DATA_LINES_AT) |
                  (DUMMY_CYCLES << CCR_DUMMY_AT) | CCR_ADDRESS_24_BITS |
                  (FOUR_LINES << CCR_ADDRESS_LINES_AT) | (ONE_LINE << CCR_INSTRUCTION_LINES_AT) |
                  QUAD_IO_FAST_READ;
    return 0;
}

#endif
