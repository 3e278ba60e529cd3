/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audio input of board.h where QEMU emulates the board: a file, to which the virtual interface
 * board appends the samples that it plays. boards/emulator/qemu.py names it on the command line.
 */
#include "board.h"
#include "board_config.h"

#if defined(BOARD_EMULATED)

#include "semihost.h"

#define OPEN_TO_READ 1u /* "rb" */
#define LONGEST_PATH 256u

static struct {
    int32_t file;
    uint32_t have; /* bytes of the samples that were asked for */
} input;

bool board_audio_start(void)
{
    char path[LONGEST_PATH] = "";
    uint32_t line[2] = {(uint32_t)(uintptr_t)path, sizeof path};
    if (semihost_call(SEMIHOST_COMMAND_LINE, line) != 0 || path[0] == '\0') {
        return false;
    }
    uint32_t size = 0;
    while (path[size] != '\0') {
        size++;
    }
    const uint32_t open[3] = {(uint32_t)(uintptr_t)path, OPEN_TO_READ, size};
    input.file = semihost_call(SEMIHOST_OPEN, open);
    input.have = 0;
    if (input.file < 0) {
        return false;
    }
    const uint32_t file = (uint32_t)input.file;
    const int32_t length = semihost_call(SEMIHOST_LENGTH, &file);
    const uint32_t seek[2] = {file, (uint32_t)length}; /* what was played before is past */
    return length >= 0 && semihost_call(SEMIHOST_SEEK, seek) == 0;
}

void board_audio_stop(void)
{
    const uint32_t file = (uint32_t)input.file;
    (void)semihost_call(SEMIHOST_CLOSE, &file);
}

bool board_audio_read(int16_t *to, uint32_t count)
{
    const uint32_t want = count * (uint32_t)sizeof *to;
    const uint32_t at = (uint32_t)(uintptr_t)to + input.have;
    const uint32_t block[3] = {(uint32_t)input.file, at, want - input.have};
    const uint32_t missing = (uint32_t)semihost_call(SEMIHOST_READ, block);
    input.have = missing <= want ? want - missing : input.have;
    if (input.have < want) {
        return false;
    }
    input.have = 0;
    return true;
}

#endif
