// Shared between the files of this target.

#ifndef INTERNAL_H
#define INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/// Closes all descriptors except `kept`, which must be in ascending order. Closes `last`
/// after all others.
void chs_close_all_but(const int *kept, size_t count, int last);

/// Nanoseconds on CLOCK_MONOTONIC.
int64_t chs_monotonic_nanoseconds(void);

#endif
