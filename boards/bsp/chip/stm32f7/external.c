/* SPDX-License-Identifier: Apache-2.0 */
#include "external.h"

#include <stdint.h>

#include "board_config.h"
#include "fault.h"

/*
 * Bytes of the image in each memory: the linker script defines them as addresses. Weak, or the
 * compiler would take for granted that an address is not 0.
 */
#if defined(BOARD_QSPI_BYTES)
extern const uint8_t board_used_qspi[] __attribute__((weak));
#endif
#if defined(BOARD_SDRAM_BYTES)
extern const uint8_t board_used_sdram[] __attribute__((weak));
#endif

static inline void check(const char *failed)
{
    if (failed != 0) {
        fault_report(failed, 0, 0);
    }
}

void external_start(void)
{
    (void)check;
#if defined(BOARD_QSPI_BYTES)
    if (board_used_qspi != 0) {
        check(quadspi_start());
    }
#endif
#if defined(BOARD_SDRAM_BYTES)
    if (board_used_sdram != 0) {
        check(sdram_start());
    }
#endif
}
