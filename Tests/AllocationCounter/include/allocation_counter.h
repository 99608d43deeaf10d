#pragma once

#include <stdbool.h>

/// Memory that one thread has asked for.
struct allocations {
    /// Pieces of memory, those that were grown included.
    long count;
    /// Bytes of them.
    long bytes;
};

/// False where the allocator is not to be replaced: with sanitizers, and other C libraries.
bool allocations_are_counted(void);

/// Begins to count what the calling thread asks for.
void allocations_begin(void);

/// Ends that, with what was counted.
struct allocations allocations_end(void);
