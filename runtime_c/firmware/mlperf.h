/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MLPerf Tiny text protocol, with which the official runner drives the board: commands end in
 * '%', lines of the answer in "\r\n", and "m-ready" ends the answer.
 *
 *     name%  profile%  timestamp%  help%  db load N%  db HEX%  db print [N] [OFFSET]%
 *     infer [N] [W]%  results%
 *
 * All strings are exactly those of mlcommons/tiny, benchmark/api.
 */
#ifndef MCUFORGE_MLPERF_H
#define MCUFORGE_MLPERF_H

/* Sends the prologue, which the runner waits for after power-on. */
void mlperf_start(void);

/* Takes a received character that is not part of a frame. */
void mlperf_take(char character);

/* Drop an unfinished command: a frame or noise interrupted it. */
void mlperf_forget(void);

#endif
