/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of audio, of whichever kind a model takes: mcuforge writes audio.c for it.
 */
#ifndef MCUFORGE_AUDIO_H
#define MCUFORGE_AUDIO_H

#include <stdint.h>

/* Computes the features of the newest moment. The oldest sample comes first; audio.c says how many
 * samples there are, and how many features. */
void mcuforge_audio(const int16_t *samples, int8_t *features);

#endif
