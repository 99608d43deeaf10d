#ifndef MEMORY_RETURN_H
#define MEMORY_RETURN_H

/// Has blocks of this size (bytes) and more given back to the system as soon as they are free.
///
/// - Returns: whether the C library can do that.
int return_large_blocks(int size);

#endif
