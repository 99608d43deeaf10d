#include "memory_return.h"

#if defined(__linux__)
#include <malloc.h>
#endif

int return_large_blocks(int size) {
#if defined(__GLIBC__)
    return mallopt(M_MMAP_THRESHOLD, size);
#else
    (void)size;
    return 0;
#endif
}
