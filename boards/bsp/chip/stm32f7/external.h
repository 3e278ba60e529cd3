/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memories outside the chip that the board's file names under [[hardware.controller]]. Each is
 * set up only if the image has something in it: then its section of the linker script is not empty.
 */
#ifndef MCUFORGE_EXTERNAL_H
#define MCUFORGE_EXTERNAL_H

/* Set up what the image uses, with clocks and UART running. A failure is a fault_report. */
void external_start(void);

/* Each returns 0, or what went wrong, in words of a fault report. */
const char *quadspi_start(void);
const char *sdram_start(void);

/* Regions of the memory protection unit; 0 guards the stack. */
#define MPU_QSPI_BANK 1u
#define MPU_QSPI 2u
#define MPU_SDRAM 3u

#endif
