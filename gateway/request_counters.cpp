#include "gateway/request_counters.h"

#include <algorithm>
#include <array>
#include <atomic>
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

// One thread's counters.
class alignas(64) RequestCounters::Set final : public RequestObserver {
 public:
  static constexpr unsigned kCodes = 600;  // a code outside of 100..599 is counted as 0
  using Codes = std::array<std::atomic<std::uint64_t>, kCodes>;
  using ByClass = std::array<Codes, 2>;

  ~Set() override {
    for (const auto& service : services_) delete service.load(kRelaxed);
  }

  void add_service(std::uint32_t service) {
    if (service < kMaxServices && services_[service].load(kRelaxed) == nullptr) {
      services_[service].store(new ByClass{}, std::memory_order_release);
    }
  }

  void request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                    double seconds) override {
    if (service < kMaxServices) {
      ByClass* by_class = services_[service].load(std::memory_order_acquire);
      CHECK(by_class != nullptr);
      Codes& codes = (*by_class)[static_cast<std::size_t>(request_class)];
      codes[code >= 100 && code < kCodes ? code : 0].fetch_add(1, kRelaxed);
    }
    const auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds);
    buckets[static_cast<std::size_t>(bucket - kBuckets.begin())].fetch_add(1, kRelaxed);
    total_microseconds.fetch_add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e6),
                                 kRelaxed);
  }
  void held_changed(int delta) override { held.fetch_add(delta, kRelaxed); }
  void fenced() override { fences.fetch_add(1, kRelaxed); }
  void connections_changed(int delta) override { connections.fetch_add(delta, kRelaxed); }
  void backend_health(std::uint32_t, std::string_view, bool) override {}

  std::uint64_t requests(std::size_t service, std::size_t kind, unsigned code) const {
    const ByClass* by_class = services_[service].load(std::memory_order_acquire);
    return by_class == nullptr ? 0 : (*by_class)[kind][code].load(kRelaxed);
  }

  std::array<std::atomic<std::uint64_t>, kBuckets.size() + 1> buckets{};
  std::atomic<std::uint64_t> total_microseconds{0};
  // A thread's share may be below zero, only the sum may not: unsigned arithmetic gives the same.
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> fences{0};

 private:
  std::array<std::atomic<ByClass*>, kMaxServices> services_{};
};

RequestCounters::RequestCounters(std::vector<std::string> services)
    : services_(std::move(services)) {
  for_thread(0);
}

RequestCounters::~RequestCounters() = default;

RequestObserver& RequestCounters::for_thread(std::size_t thread) {
  const std::scoped_lock lock(mutex_);
  while (sets_.size() <= thread) {
    sets_.push_back(std::make_unique<Set>());
    for (std::uint32_t i = 0; i < services_.size(); ++i) sets_.back()->add_service(i);
  }
  return *sets_[thread];
}

void RequestCounters::service_added(std::uint32_t service, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  if (services_.size() <= service) services_.resize(service + 1);
  services_[service] = name;
  for (const auto& set : sets_) set->add_service(service);
}

void RequestCounters::request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                                   double seconds) {
  for_thread(0).request_done(service, request_class, code, seconds);
}
void RequestCounters::held_changed(int delta) {
  for_thread(0).held_changed(delta);
}
void RequestCounters::fenced() {
  for_thread(0).fenced();
}
void RequestCounters::connections_changed(int delta) {
  for_thread(0).connections_changed(delta);
}

std::uint64_t RequestCounters::sum(const std::function<std::uint64_t(const Set&)>& part) const {
  std::uint64_t total = 0;
  for (const auto& set : sets_) total += part(*set);
  return total;
}

prometheus::MetricFamily RequestCounters::requests_family() const {
  prometheus::MetricFamily family{"regent_requests_total",
                                  "Client requests answered by this gateway",
                                  prometheus::MetricType::Counter,
                                  {}};
  for (std::size_t service = 0; service < std::min(services_.size(), kMaxServices); ++service) {
    for (std::size_t kind = 0; kind < 2; ++kind) {
      for (unsigned code = 0; code < Set::kCodes; ++code) {
        const std::uint64_t count =
            sum([&](const Set& set) { return set.requests(service, kind, code); });
        if (count == 0) continue;
        const bool read = kind == static_cast<std::size_t>(RequestClass::read);
        prometheus::ClientMetric metric;
        metric.label = {{"service", services_[service]},
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
  for (std::size_t i = 0; i <= kBuckets.size(); ++i) {
    count += sum([i](const Set& set) { return set.buckets[i].load(kRelaxed); });
    const double end = i < kBuckets.size() ? kBuckets[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({count, end});
  }
  metric.histogram.sample_count = count;
  const std::uint64_t total =
      sum([](const Set& set) { return set.total_microseconds.load(kRelaxed); });
  metric.histogram.sample_sum = static_cast<double>(total) / 1e6;
  return {"regent_request_seconds",
          "From the end of a request's head to the last byte of its answer",
          prometheus::MetricType::Histogram,
          {metric}};
}

std::vector<prometheus::MetricFamily> RequestCounters::Collect() const {
  using prometheus::MetricType;
  const std::scoped_lock lock(mutex_);
  const auto total = [this](std::atomic<std::uint64_t> Set::*counter) {
    return static_cast<double>(static_cast<std::int64_t>(
        sum([counter](const Set& set) { return (set.*counter).load(kRelaxed); })));
  };
  return {requests_family(), seconds_family(),
          single("regent_requests_held", "Requests waiting for a primary", MetricType::Gauge,
                 total(&Set::held)),
          single("regent_requests_fenced_total",
                 "Writes stopped because the right to serve was not there", MetricType::Counter,
                 total(&Set::fences)),
          single("regent_connections", "Client connections open now", MetricType::Gauge,
                 total(&Set::connections))};
}

}  // namespace regent
