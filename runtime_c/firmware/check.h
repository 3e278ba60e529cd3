/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check firmware: the MLPerf Tiny text protocol (mlperf.h) and frames (frame.h, session.h) on
 * one UART. main.c calls check_init() once, then check_poll() forever.
 */
#ifndef MCUFORGE_CHECK_H
#define MCUFORGE_CHECK_H

/* Start the board and the model, and send the prologue. */
void check_init(void);

/* Serve every byte received so far; returns when none is left. */
void check_poll(void);

#endif
