#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "gateway/service_table.h"
#include "region/event_loop.h"

namespace regent {

// Puts a backend aside for a while when request after request fails there although its health
// checks pass. Each time it has to be put aside soon again, the while doubles. Never the last one
// that could serve. Loop's thread, the same as the health checks'; the other threads count the
// failures (DestinationState::failures) and call for it.
class BackendEjector {
 public:
  // The longest that a backend is put aside, as a multiple of Ejection::duration.
  static constexpr unsigned kMaxDoublings = 5;

  explicit BackendEjector(EventLoop& loop) : loop_(loop) {}
  ~BackendEjector();
  BackendEjector(const BackendEjector&) = delete;
  BackendEjector& operator=(const BackendEjector&) = delete;

  // Backends that are gone are forgotten.
  void set_table(std::shared_ptr<const ServiceTable> table);
  // As many requests in a row as its service allows have failed at the backend, the last for `why`.
  void eject(std::uint32_t backend, const std::string& why);

 private:
  struct Record {
    unsigned times = 0;  // in quick succession
    Duration last{};
    Instant back_at{};
    EventLoop::TimerId timer = 0;
  };
  void come_back(const std::shared_ptr<DestinationState>& backend);

  EventLoop& loop_;
  std::shared_ptr<const ServiceTable> table_;
  std::map<std::uint32_t, Record> records_;
};

}  // namespace regent
