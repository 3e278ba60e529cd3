/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check firmware: the MLPerf Tiny text protocol (mlperf.h) and frames (frame.h, session.h) on
 * one UART. main.c calls check_init() once, then check_poll() forever.
 */
#ifndef MCUFORGE_CHECK_H
#define MCUFORGE_CHECK_H

/* Starts the board and the model, and sends the prologue. */
void check_init(void);

/* Serves all received bytes. Returns when none are left. */
void check_poll(void);

#endif
