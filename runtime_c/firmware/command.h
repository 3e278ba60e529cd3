/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text command: collected character by character, then read token by token.
 */
#ifndef MCUFORGE_COMMAND_H
#define MCUFORGE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* Keep a character; those after the 80th are dropped. */
void command_keep(char character);

/* Forget the characters kept so far. */
void command_clear(void);

/* Start reading the tokens of what was kept. */
void command_rewind(void);

/* The next token, or NULL after the last; spaces separate tokens. */
const char *command_next(void);

/* True if the token equals this word. */
bool command_is(const char *token, const char *word);

/* Like atoi: an optional sign, then digits, up to another character. Saturates. */
int32_t command_number(const char *token);

#endif
