#include "gateway/request_counters.h"

#include <algorithm>
#include <limits>

#include "quorum/check.h"

namespace regent {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

prometheus::MetricFamily single(const std::string& name, const std::string& help,
                                prometheus::MetricType type, double value) {
  prometheus::MetricFamily family{name, help, type, {}};
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(metric);
  return family;
}

}  // namespace

RequestCounters::RequestCounters(std::vector<std::string> services) {
  for (std::string& name : services) {
    services_.push_back(std::make_unique<Service>());
    services_.back()->name = std::move(name);
  }
}

void RequestCounters::request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                                   double seconds) {
  CHECK(service < services_.size());
  Codes& codes = services_[service]->by_class[static_cast<std::size_t>(request_class)];
  codes[code >= 100 && code < kCodes ? code : 0].fetch_add(1, kRelaxed);
  const auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds);
  buckets_[static_cast<std::size_t>(bucket - kBuckets.begin())].fetch_add(1, kRelaxed);
  total_microseconds_.fetch_add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e6), kRelaxed);
}

void RequestCounters::held_changed(int delta) {
  held_.fetch_add(delta, kRelaxed);
}
void RequestCounters::fenced() {
  fenced_.fetch_add(1, kRelaxed);
}
void RequestCounters::connections_changed(int delta) {
  connections_.fetch_add(delta, kRelaxed);
}

prometheus::MetricFamily RequestCounters::requests_family() const {
  prometheus::MetricFamily family{"regent_requests_total",
                                  "Client requests answered by this gateway",
                                  prometheus::MetricType::Counter,
                                  {}};
  for (const auto& service : services_) {
    for (std::size_t kind = 0; kind < service->by_class.size(); ++kind) {
      for (unsigned code = 0; code < kCodes; ++code) {
        const std::uint64_t count = service->by_class[kind][code].load(kRelaxed);
        if (count == 0) continue;
        const bool read = kind == static_cast<std::size_t>(RequestClass::read);
        prometheus::ClientMetric metric;
        metric.label = {{"service", service->name},
                        {"class", read ? "read" : "write"},
                        {"code", std::to_string(code)}};
        metric.counter.value = static_cast<double>(count);
        family.metric.push_back(std::move(metric));
      }
    }
  }
  return family;
}

prometheus::MetricFamily RequestCounters::seconds_family() const {
  prometheus::ClientMetric metric;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    count += buckets_[i].load(kRelaxed);
    const double end = i < kBuckets.size() ? kBuckets[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({count, end});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = static_cast<double>(total_microseconds_.load(kRelaxed)) / 1e6;
  return {"regent_request_seconds",
          "From the end of a request's head to the last byte of its answer",
          prometheus::MetricType::Histogram,
          {metric}};
}

std::vector<prometheus::MetricFamily> RequestCounters::Collect() const {
  using prometheus::MetricType;
  return {requests_family(), seconds_family(),
          single("regent_requests_held", "Requests waiting for a primary", MetricType::Gauge,
                 static_cast<double>(held_.load(kRelaxed))),
          single("regent_requests_fenced_total",
                 "Writes stopped because the right to serve was not there", MetricType::Counter,
                 static_cast<double>(fenced_.load(kRelaxed))),
          single("regent_connections", "Client connections open now", MetricType::Gauge,
                 static_cast<double>(connections_.load(kRelaxed)))};
}

}  // namespace regent
