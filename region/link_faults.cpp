#include "region/link_faults.h"

#include "region/clock.h"

namespace regent {

void LinkFaults::set(Ends& ends, std::size_t at, Instant until) {
  ends.at(at).store(until.time_since_epoch().count(), std::memory_order_release);
}

bool LinkFaults::runs(const Ends& ends, std::size_t at) {
  const std::int64_t end = ends.at(at).load(std::memory_order_acquire);
  // The clock is read only where there is a cut.
  return end != 0 && boot_now().time_since_epoch().count() < end;
}

void LinkFaults::heal() {
  for (Ends* ends : {&to_, &from_, &slow_, &nodes_}) {
    for (auto& end : *ends) end.store(0, std::memory_order_release);
  }
}

}  // namespace regent
