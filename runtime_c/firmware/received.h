/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `db` commands, with which the runner fills a buffer with one input.
 */
#ifndef MCUFORGE_RECEIVED_H
#define MCUFORGE_RECEIVED_H

/* Execute the part of the command after `db` (command.h). */
void received_command(void);

#endif
