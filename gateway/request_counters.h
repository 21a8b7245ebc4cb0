#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/request_observer.h"

namespace regent {

// Counts the data plane's requests: plain atomic additions, so that any number of threads may
// report each request without waiting for one another or for a scrape. Each of the data plane's
// threads gets a set of counters of its own (for_thread), so that no two write to one cache line; a
// scrape adds them up. What is reported to this object itself counts for the first thread.
class RequestCounters final : public RequestObserver, public prometheus::Collectable {
 public:
  // Upper ends of the buckets of regent_request_seconds, in seconds; one more takes the rest.
  static constexpr std::array<double, 14> kBuckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                   0.1,    0.25,  0.5,    1,     2.5,  5,     10};
  // Services in the life of this process that are told apart; what is beyond them is not counted
  // by service and code.
  static constexpr std::size_t kMaxServices = 1024;

  // `services`: names by number.
  explicit RequestCounters(std::vector<std::string> services);
  ~RequestCounters() override;

  RequestObserver& for_thread(std::size_t thread) override;
  void service_added(std::uint32_t service, const std::string& name) override;
  void request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                    double seconds) override;
  void held_changed(int delta) override;
  void write_failed() override;
  void fenced() override;
  void connections_changed(int delta) override;
  void tunnel_ended(std::uint32_t service, TunnelEnd end) override;
  void tunnel_bytes(std::uint32_t service, std::uint64_t to_backend,
                    std::uint64_t to_client) override;
  // The status shows the same; nothing to count.
  void backend_health(std::uint32_t, std::string_view, bool) override {}

  std::vector<prometheus::MetricFamily> Collect() const override;
  // How many writes have failed so far (RequestObserver::write_failed). Any thread.
  std::uint64_t failed_writes() const;

 private:
  class Set;
  std::uint64_t sum(const std::function<std::uint64_t(const Set&)>& part) const;
  template <typename F>
  std::uint64_t sum_of(std::size_t service, F counter) const;
  prometheus::MetricFamily requests_family() const;
  prometheus::MetricFamily seconds_family() const;
  prometheus::MetricFamily tunnels_family() const;
  prometheus::MetricFamily tunnel_bytes_family() const;

  mutable std::mutex mutex_;  // not taken for a request
  std::vector<std::string> services_;
  std::vector<std::unique_ptr<Set>> sets_;  // by thread
};

}  // namespace regent
