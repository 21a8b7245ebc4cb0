#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "gateway/request_observer.h"

namespace regent {

// Counts the data plane's requests: plain atomic additions, so that any number of threads may
// report each request without waiting for one another or for a scrape.
class RequestCounters final : public RequestObserver, public prometheus::Collectable {
 public:
  // Upper ends of the buckets of regent_request_seconds, in seconds; one more takes the rest.
  static constexpr std::array<double, 14> kBuckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                   0.1,    0.25,  0.5,    1,     2.5,  5,     10};

  // `services`: names by index.
  explicit RequestCounters(std::vector<std::string> services);

  void request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                    double seconds) override;
  void held_changed(int delta) override;
  void fenced() override;
  void connections_changed(int delta) override;
  // The status shows the same; nothing to count.
  void backend_health(std::uint32_t, std::string_view, bool) override {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  static constexpr unsigned kCodes = 600;  // a code outside of 100..599 is counted as 0
  using Codes = std::array<std::atomic<std::uint64_t>, kCodes>;
  struct Service {
    std::string name;
    std::array<Codes, 2> by_class{};
  };

  prometheus::MetricFamily requests_family() const;
  prometheus::MetricFamily seconds_family() const;

  std::vector<std::unique_ptr<Service>> services_;
  std::array<std::atomic<std::uint64_t>, kBuckets.size() + 1> buckets_{};
  std::atomic<std::uint64_t> total_microseconds_{0};
  std::atomic<std::int64_t> held_{0};
  std::atomic<std::int64_t> connections_{0};
  std::atomic<std::uint64_t> fenced_{0};
};

}  // namespace regent
