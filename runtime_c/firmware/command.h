/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text command, which is collected character by character and then read token by token.
 */
#ifndef MCUFORGE_COMMAND_H
#define MCUFORGE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* The runner's commands are shorter than 80; those that load audio have 1028 with their end. */
#ifdef CHECK_AUDIO
#define COMMAND_CHARACTERS 1028U
#else
#define COMMAND_CHARACTERS 80U
#endif

/* Keeps a character. Drops those after COMMAND_CHARACTERS. */
void command_keep(char character);

/* Forgets all characters. */
void command_clear(void);

/* Starts to read tokens from the first character. */
void command_rewind(void);

/* The whole command, after command_rewind() and before the first token is taken. */
const char *command_text(void);

/* The next token, or NULL after the last; spaces separate tokens. */
const char *command_next(void);

/* True if the token equals this word. */
bool command_is(const char *token, const char *word);

/* Like atoi: an optional sign, then digits, up to another character. Saturates. */
int32_t command_number(const char *token);

#endif
