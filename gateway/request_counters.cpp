#include "gateway/request_counters.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include "quorum/check.h"

namespace regent {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr std::array<const char*, 5> kTunnelEnds{"closed", "lost", "idle", "cut", "refused"};

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

void add_counter(prometheus::MetricFamily& family, const std::string& service,
                 const std::string& label, const std::string& value, std::uint64_t count) {
  prometheus::ClientMetric metric;
  metric.label = {{"service", service}, {label, value}};
  metric.counter.value = static_cast<double>(count);
  family.metric.push_back(std::move(metric));
}

}  // namespace

// One thread's counters.
class alignas(64) RequestCounters::Set final : public RequestObserver {
 public:
  static constexpr unsigned kCodes = 600;  // a code outside of 100..599 is counted as 0
  using Codes = std::array<std::atomic<std::uint64_t>, kCodes>;
  struct Service {
    std::array<Codes, 2> by_class{};
    std::array<std::atomic<std::uint64_t>, kTunnelEnds.size()> by_end{};
    std::atomic<std::uint64_t> to_backend{0};
    std::atomic<std::uint64_t> to_client{0};
  };

  ~Set() override {
    for (const auto& service : services_) delete service.load(kRelaxed);
  }

  void add_service(std::uint32_t service) {
    if (service < kMaxServices && services_[service].load(kRelaxed) == nullptr) {
      services_[service].store(new Service{}, std::memory_order_release);
    }
  }

  void request_done(std::uint32_t service, RequestClass request_class, unsigned code,
                    double seconds) override {
    if (Service* counters = find(service)) {
      Codes& codes = counters->by_class[static_cast<std::size_t>(request_class)];
      codes[code >= 100 && code < kCodes ? code : 0].fetch_add(1, kRelaxed);
    }
    const auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds);
    buckets[static_cast<std::size_t>(bucket - kBuckets.begin())].fetch_add(1, kRelaxed);
    total_microseconds.fetch_add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e6),
                                 kRelaxed);
  }
  void held_changed(int delta) override { held.fetch_add(delta, kRelaxed); }
  void write_failed() override { failed_writes.fetch_add(1, kRelaxed); }
  void fenced() override { fences.fetch_add(1, kRelaxed); }
  void connections_changed(int delta) override { connections.fetch_add(delta, kRelaxed); }
  void backend_health(std::uint32_t, std::string_view, bool) override {}
  void tunnel_ended(std::uint32_t service, TunnelEnd end) override {
    Service* counters = find(service);
    if (counters) counters->by_end[static_cast<std::size_t>(end)].fetch_add(1, kRelaxed);
  }
  void tunnel_bytes(std::uint32_t service, std::uint64_t up, std::uint64_t down) override {
    Service* counters = find(service);
    if (!counters) return;
    counters->to_backend.fetch_add(up, kRelaxed);
    counters->to_client.fetch_add(down, kRelaxed);
  }

  // Null: the process has not had this service.
  const Service* service(std::size_t number) const {
    return services_[number].load(std::memory_order_acquire);
  }

  std::array<std::atomic<std::uint64_t>, kBuckets.size() + 1> buckets{};
  std::atomic<std::uint64_t> total_microseconds{0};
  // A thread's share may be below zero, only the sum may not: unsigned arithmetic gives the same.
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> fences{0};
  std::atomic<std::uint64_t> failed_writes{0};

 private:
  // Null: beyond the services that are told apart.
  Service* find(std::uint32_t service) {
    if (service >= kMaxServices) return nullptr;
    Service* counters = services_[service].load(std::memory_order_acquire);
    CHECK(counters != nullptr);
    return counters;
  }

  std::array<std::atomic<Service*>, kMaxServices> services_{};
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
void RequestCounters::write_failed() {
  for_thread(0).write_failed();
}
void RequestCounters::fenced() {
  for_thread(0).fenced();
}
void RequestCounters::connections_changed(int delta) {
  for_thread(0).connections_changed(delta);
}

void RequestCounters::tunnel_ended(std::uint32_t service, TunnelEnd end) {
  for_thread(0).tunnel_ended(service, end);
}
void RequestCounters::tunnel_bytes(std::uint32_t service, std::uint64_t to_backend,
                                   std::uint64_t to_client) {
  for_thread(0).tunnel_bytes(service, to_backend, to_client);
}

std::uint64_t RequestCounters::sum(const std::function<std::uint64_t(const Set&)>& part) const {
  std::uint64_t total = 0;
  for (const auto& set : sets_) total += part(*set);
  return total;
}

// counter: picks one of a service's counters.
template <typename F>
std::uint64_t RequestCounters::sum_of(std::size_t service, F counter) const {
  return sum([=](const Set& set) {
    const Set::Service* counters = set.service(service);
    return counters == nullptr ? 0 : counter(*counters)->load(kRelaxed);
  });
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
            sum_of(service, [=](const auto& set) { return &set.by_class[kind][code]; });
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

prometheus::MetricFamily RequestCounters::tunnels_family() const {
  prometheus::MetricFamily family{"regent_tunnels_total",
                                  "Tunnels (connections of tcp services, and upgraded ones)"
                                  " that are over, by how they ended",
                                  prometheus::MetricType::Counter,
                                  {}};
  for (std::size_t service = 0; service < std::min(services_.size(), kMaxServices); ++service) {
    for (std::size_t end = 0; end < kTunnelEnds.size(); ++end) {
      const std::uint64_t count =
          sum_of(service, [end](const auto& set) { return &set.by_end[end]; });
      if (count > 0) add_counter(family, services_[service], "end", kTunnelEnds[end], count);
    }
  }
  return family;
}

prometheus::MetricFamily RequestCounters::tunnel_bytes_family() const {
  prometheus::MetricFamily family{"regent_tunnel_bytes_total",
                                  "Bytes that tunnels have carried",
                                  prometheus::MetricType::Counter,
                                  {}};
  for (std::size_t service = 0; service < std::min(services_.size(), kMaxServices); ++service) {
    const std::uint64_t up = sum_of(service, [](const auto& set) { return &set.to_backend; });
    const std::uint64_t down = sum_of(service, [](const auto& set) { return &set.to_client; });
    if (up + down == 0) continue;
    add_counter(family, services_[service], "to", "backend", up);
    add_counter(family, services_[service], "to", "client", down);
  }
  return family;
}

std::uint64_t RequestCounters::failed_writes() const {
  const std::scoped_lock lock(mutex_);
  return sum([](const Set& set) { return set.failed_writes.load(kRelaxed); });
}

std::vector<prometheus::MetricFamily> RequestCounters::Collect() const {
  using prometheus::MetricType;
  const std::scoped_lock lock(mutex_);
  const auto total = [this](std::atomic<std::uint64_t> Set::*counter) {
    return static_cast<double>(static_cast<std::int64_t>(
        sum([counter](const Set& set) { return (set.*counter).load(kRelaxed); })));
  };
  return {requests_family(),
          seconds_family(),
          tunnels_family(),
          tunnel_bytes_family(),
          single("regent_requests_held", "Requests waiting for a primary", MetricType::Gauge,
                 total(&Set::held)),
          single("regent_writes_failed_total",
                 "Writes that this gateway itself answered with 502, 503 or 504",
                 MetricType::Counter, total(&Set::failed_writes)),
          single("regent_requests_fenced_total",
                 "Writes stopped because the right to serve was not there", MetricType::Counter,
                 total(&Set::fences)),
          single("regent_connections", "Client connections open now", MetricType::Gauge,
                 total(&Set::connections))};
}

}  // namespace regent
