#pragma once

#include <cstdio>
#include <cstdlib>

// CHECK(condition): stops the process when our own code is wrong. Always on, also in release
// builds: a gateway that continues after a broken invariant could accept a write it must not.
// Never used on input from outside; that gets a Result.
#define CHECK(condition)                                                               \
  do {                                                                                 \
    if (!(condition)) [[unlikely]] {                                                   \
      std::fprintf(stderr, "%s:%d: internal error: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                    \
    }                                                                                  \
  } while (false)
