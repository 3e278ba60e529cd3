/* SPDX-License-Identifier: Apache-2.0 */
#include "serial.h"

#include "board.h"
#include "family.h"

#define RING_BYTES ((uint32_t)BOARD_RING_BYTES) /* a power of two: indices run on and wrap */

/* `written` belongs to the interrupt, `taken` to board_read(); each only reads the other's. */
static volatile uint8_t ring[RING_BYTES];
static volatile uint32_t written;
static volatile uint32_t taken;
static volatile uint32_t lost;
static volatile bool paused;

bool serial_has_room(void)
{
    if (written - taken < RING_BYTES) {
        return true;
    }
    paused = true;
    interrupt_disable();
    return false;
}

void serial_put(uint8_t byte)
{
    const uint32_t at = written;
    ring[at % RING_BYTES] = byte;
    written = at + 1u;
}

void serial_lost(void)
{
    lost = lost + 1u;
}

int32_t board_read(void)
{
    const uint32_t at = taken;
    if (at == written) {
        return -1;
    }
    const uint8_t byte = ring[at % RING_BYTES];
    taken = at + 1u;
    /* half empty: one interrupt then refills many bytes; resuming at once would take one each */
    if (paused && written - taken <= RING_BYTES / 2u) {
        paused = false;
        interrupt_enable();
    }
    return byte;
}

uint32_t board_dropped(void)
{
    return lost;
}

void board_write(const uint8_t *data, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        family_send(data[i]);
    }
}
