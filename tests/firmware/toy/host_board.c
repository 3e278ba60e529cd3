/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine as a board: the check firmware runs as a process whose serial line is a descriptor.
 *
 *     host-board [DESCRIPTOR]     a pty or socket inherited from the parent; default: stdin, stdout
 *
 * Compile the firmware with -Dmain=firmware_main: it runs on a stack of its own, as on a board, so
 * that painting it works. The process ends when stdin does: it cannot outlive its owner.
 */
#define _POSIX_C_SOURCE 200809L

#include "board.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES 262144
#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)

#define OUT_BYTES 4096U
#define NANOSECONDS 1000000000U

int firmware_main(void);

const char board_id[] = "host";
const uint32_t board_tick_hz = NANOSECONDS;

void board_core(struct board_core *core)
{
    *core = (struct board_core){216000000u, 7u, BOARD_CACHE_INSTRUCTION | BOARD_CACHE_DATA};
}

uint32_t board_chip_id(void)
{
    return 0x10016413u;
}

enum board_reset board_reset_reason(void)
{
    return BOARD_RESET_SOFTWARE;
}

uint8_t board_stack_low[STACK_BYTES] __attribute__((aligned(4096)));
__asm__(".globl board_stack_high\n"
        ".set board_stack_high, board_stack_low + " TEXT(STACK_BYTES) "\n");

static int in_descriptor = STDIN_FILENO;
static int out_descriptor = STDOUT_FILENO;

static uint8_t ring[BOARD_RING_BYTES];
static uint32_t ring_at;
static uint32_t ring_size;
static uint32_t dropped;

static uint8_t out[OUT_BYTES];
static uint32_t out_size;

void board_init(void)
{
}

void board_pins_start(void)
{
    board_pin_write(BOARD_PIN_TIMESTAMP, true);
}

/* Edges are heard in the line of text, between what is said before and after. */
void board_pin_write(enum board_pin pin, bool high)
{
    const char edge[] = {'<', (char)('0' + (char)pin), high ? '+' : '-', '>'};
    board_write((const uint8_t *)edge, sizeof edge);
}

/* The audio input is the file TOY_AUDIO; without it the board has none. */
static FILE *audio_file;

bool board_audio_start(void)
{
    const char *const name = getenv("TOY_AUDIO");
    audio_file = name != NULL ? fopen(name, "rb") : NULL;
    return audio_file != NULL;
}

void board_audio_stop(void)
{
    fclose(audio_file);
}

bool board_audio_read(int16_t *to, uint32_t count)
{
    return fread(to, sizeof *to, count, audio_file) == count;
}

static void flush(void)
{
    uint32_t sent = 0;
    while (sent < out_size) {
        const ssize_t count = write(out_descriptor, out + sent, out_size - sent);
        if (count > 0) {
            sent += (uint32_t)count;
        } else {
            struct pollfd room = {.fd = out_descriptor, .events = POLLOUT};
            poll(&room, 1, 1);
        }
    }
    out_size = 0;
}

/* Nothing has arrived: our owner may have ended, or nobody has the other end open yet. */
static void end_or_wait(short line, short owner)
{
    if ((owner & (POLLIN | POLLHUP)) == POLLHUP) {
        exit(EXIT_SUCCESS);
    }
    if ((line & POLLHUP) != 0) {
        const struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
    }
}

/* Everything that has arrived goes to the ring, and what does not fit is lost, as on a UART. */
static void fill_ring(void)
{
    uint8_t spill[BOARD_RING_BYTES];
    ring_at = 0;
    ring_size = 0;
    for (;;) {
        struct pollfd waiting[2] = {
            {.fd = in_descriptor, .events = POLLIN},
            {.fd = STDIN_FILENO, .events = POLLIN},
        };
        poll(waiting, 2, ring_size == 0U ? 1 : 0);
        if ((waiting[0].revents & POLLIN) == 0) {
            if (ring_size == 0U) {
                end_or_wait(waiting[0].revents, waiting[1].revents);
            }
            return;
        }
        const uint32_t room = BOARD_RING_BYTES - ring_size;
        uint8_t *const to = room > 0U ? ring + ring_size : spill;
        const ssize_t count = read(in_descriptor, to, room > 0U ? room : sizeof spill);
        if (count <= 0) {
            if (count == 0 && ring_size == 0U) {
                exit(EXIT_SUCCESS); /* the socket or pipe was closed */
            }
            return;
        }
        if (room > 0U) {
            ring_size += (uint32_t)count;
        } else {
            dropped += (uint32_t)count;
        }
    }
}

int32_t board_read(void)
{
    if (ring_at == ring_size) {
        flush();
        fill_ring();
    }
    if (ring_at == ring_size) {
        return -1;
    }
    ring_at++;
    return ring[ring_at - 1U];
}

uint32_t board_dropped(void)
{
    return dropped;
}

void board_write(const uint8_t *data, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (out_size == OUT_BYTES) {
            flush();
        }
        out[out_size] = data[i];
        out_size++;
    }
}

uint64_t board_ticks(void)
{
    flush(); /* what was said before a run is heard before it ends */
    if (getenv("TOY_CLOCK_STANDS") != NULL) {
        return 0;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

void board_halt(void)
{
    for (;;) {
        ring_at = ring_size; /* deaf, but still ending with its owner */
        board_read();
    }
}

static void *start(void *unused)
{
    (void)unused;
    firmware_main();
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        in_descriptor = atoi(argv[1]);
        out_descriptor = in_descriptor;
    }
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstack(&attributes, board_stack_low, STACK_BYTES) != 0 ||
        pthread_create(&thread, &attributes, start, NULL) != 0) {
        return EXIT_FAILURE;
    }
    pthread_join(thread, NULL);
    return EXIT_SUCCESS;
}
