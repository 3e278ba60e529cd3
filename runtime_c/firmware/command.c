/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stddef.h>

static struct {
    char text[COMMAND_CHARACTERS + 1U];
    uint32_t size;
    char *next; /* the search for the next token starts here */
} command;

void command_keep(char character)
{
    if (command.size < COMMAND_CHARACTERS) {
        command.text[command.size] = character;
        command.size++;
    }
}

void command_clear(void)
{
    command.size = 0;
}

void command_rewind(void)
{
    command.text[command.size] = '\0';
    command.next = command.text;
}

const char *command_text(void)
{
    return command.text;
}

const char *command_next(void)
{
    while (*command.next == ' ') {
        command.next++;
    }
    if (*command.next == '\0') {
        return NULL;
    }
    const char *const token = command.next;
    while (*command.next != ' ' && *command.next != '\0') {
        command.next++;
    }
    if (*command.next == ' ') {
        *command.next = '\0';
        command.next++;
    }
    return token;
}

bool command_is(const char *token, const char *word)
{
    while (*token == *word && *word != '\0') {
        token++;
        word++;
    }
    return *token == *word;
}

int32_t command_number(const char *token)
{
    const bool negative = *token == '-';
    int32_t value = 0;
    for (token += negative || *token == '+' ? 1 : 0; *token >= '0' && *token <= '9'; token++) {
        const int32_t digit = *token - '0';
        value = value > (INT32_MAX - digit) / 10 ? INT32_MAX : value * 10 + digit;
    }
    return negative ? -value : value;
}
