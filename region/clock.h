#pragma once

#include <ctime>

#include "quorum/types.h"

namespace regent {

// The only steady clock of the running processes: CLOCK_BOOTTIME, which counts through suspend,
// so that a laptop lid or a paused virtual machine cannot stretch a lease. Any thread.
inline Instant boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace regent
