#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/backend_pool.h"
#include "region/health.h"

namespace regent {

// Checks the backends of this region, each in its own rhythm, and sets their `healthy`: an HTTP GET
// that must answer 2xx or 3xx, or for an empty path just a connection. Loop's thread.
class HealthProber {
 public:
  // A backend became healthy or unhealthy.
  using OnChange = std::function<void(std::uint32_t destination, bool healthy)>;

  // `pool`: of the same loop; it knows the addresses.
  HealthProber(EventLoop& loop, const BackendPool& pool, OnChange on_change);
  ~HealthProber();
  HealthProber(const HealthProber&) = delete;
  HealthProber& operator=(const HealthProber&) = delete;

  // Checks the table's backends from now on, new ones at once. One that stays keeps what is known
  // of it. The pool must have the table already.
  void set_table(const ServiceTable& table);
  // A request could not connect to this backend: counts as a failed check.
  void connect_failed(std::uint32_t destination);

 private:
  class Probe;
  void result(Probe& probe, bool passed, const std::string& reason);

  EventLoop& loop_;
  const BackendPool& pool_;
  OnChange on_change_;
  std::vector<std::unique_ptr<Probe>> probes_;
};

}  // namespace regent
