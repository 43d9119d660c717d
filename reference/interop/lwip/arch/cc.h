/* What lwIP asks of the compiler and the machine. The defaults of lwip/arch.h do for the rest. */
#ifndef INTEROP_ARCH_CC_H
#define INTEROP_ARCH_CC_H

/* Drawn by the caller; see port.c. */
extern unsigned int interop_lwip_random(void);
#define LWIP_RAND() interop_lwip_random()

/* Standard output is for reports: what lwIP has to say goes to the log. */
#include <stdio.h>
#include <stdlib.h>
#define LWIP_PLATFORM_DIAG(x) do { interop_lwip_print x; } while (0)
#define LWIP_PLATFORM_ASSERT(x) \
  do { \
    fprintf(stderr, "lwIP: assertion \"%s\" failed at %s:%d\n", x, __FILE__, __LINE__); \
    abort(); \
  } while (0)
extern void interop_lwip_print(const char *format, ...);

#endif
