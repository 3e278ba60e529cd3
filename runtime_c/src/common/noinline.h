/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_NOINLINE_H
#define MCUFORGE_NOINLINE_H

/* For functions whose loops need most registers: inlined elsewhere, they would spill. */
#define MCUFORGE_NOINLINE __attribute__((noinline, unused))

#endif
