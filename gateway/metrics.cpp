#include "gateway/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <sstream>

#include "gateway/service_metrics.h"

namespace regent {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Family<Gauge>& gauges(Registry& registry, const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

Family<Counter>& counters(Registry& registry, const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

const Histogram::BucketBoundaries kFailoverBuckets{0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30};

}  // namespace

struct Metrics::Families {
  Registry registry;
  std::mutex scrape;  // one scrape at a time sets the gauges and reads them

  Gauge& primary = gauges(registry, "regent_primary",
                          "1 while this region is primary and this gateway holds a live lease")
                       .Add({});
  Gauge& epoch = gauges(registry, "regent_epoch", "Highest epoch known").Add({});
  Gauge& lease = gauges(registry, "regent_lease_remaining_seconds",
                        "What is left of the primary's lease, as known here")
                     .Add({});
  Gauge& quorum =
      gauges(registry, "regent_quorum", "1 while a quorum answers this gateway").Add({});
  Gauge& margin = gauges(registry, "regent_quorum_margin",
                         "Weight present beyond what is needed; negative: missing")
                      .Add({});
  Family<Gauge>& region_quorum =
      gauges(registry, "regent_region_quorum", "1 while enough of a region's nodes answer");
  Family<Gauge>& link_up =
      gauges(registry, "regent_link_up", "1 while messages pass both ways (state up or slow)");
  Family<Gauge>& link_rtt =
      gauges(registry, "regent_link_rtt_seconds", "Round trip to another gateway");
  Family<Counter>& elections =
      counters(registry, "regent_elections_total", "Elections this gateway stood in, by outcome");
  Family<Counter>& changes = counters(registry, "regent_primary_changes_total",
                                      "Changes of the primary region seen here, by cause");
  Histogram& failover = prometheus::BuildHistogram()
                            .Name("regent_failover_seconds")
                            .Help("How long no primary was known before a new one was")
                            .Register(registry)
                            .Add({}, kFailoverBuckets);
  Family<Counter>& partitions = counters(registry, "regent_partition_events_total",
                                         "Breaks and heals of links and quorum, by kind");
  Gauge& cache = gauges(registry, "regent_route_cache_up",
                        "1 while the mirror of the route in Redis is up; 0 also without one")
                     .Add({});
  Gauge& topology =
      gauges(registry, "regent_topology_version", "Version in the topology file").Add({});
  Family<Gauge>& build = gauges(registry, "regent_build_info", "Always 1; the labels tell");

  void set(const GatewayStatus& status, Instant now);
};

void Metrics::Families::set(const GatewayStatus& status, Instant now) {
  primary.Set(status.serves_at(now) ? 1 : 0);
  epoch.Set(static_cast<double>(status.epoch));
  lease.Set(now < status.lease_end ? seconds(status.lease_end - now) : 0);
  quorum.Set(status.quorum.outcome == Outcome::won ? 1 : 0);
  margin.Set(static_cast<double>(status.quorum.margin));
  for (const RegionStatus& region : status.quorum.regions) {
    region_quorum.Add({{"region", region.name}}).Set(region.outcome == Outcome::won ? 1 : 0);
  }
  for (const LinkStatus& link : status.links) {
    const prometheus::Labels labels{{"region", link.region}, {"gateway", link.gateway}};
    link_up.Add(labels).Set(link.state == "up" || link.state == "slow" ? 1 : 0);
    if (link.rtt_ms >= 0) link_rtt.Add(labels).Set(link.rtt_ms / 1000);
  }
  cache.Set(status.route_cache_state == "up" ? 1 : 0);
  topology.Set(static_cast<double>(status.topology_version));
}

Metrics::Metrics(std::vector<std::string> services)
    : requests_(std::move(services)), families_(std::make_unique<Families>()) {
  families_->build.Add({{"version", REGENT_VERSION}}).Set(1);
  // Shown from the start, so that the first increase can be seen as one.
  for (const char* outcome : {"won", "lost"}) families_->elections.Add({{"outcome", outcome}});
  for (const char* cause : {"failover", "switchover"}) families_->changes.Add({{"cause", cause}});
}

Metrics::~Metrics() = default;

void Metrics::count_election(std::string_view outcome) {
  families_->elections.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Metrics::count_primary_change(std::string_view cause) {
  families_->changes.Add({{"cause", std::string(cause)}}).Increment();
}

void Metrics::observe_failover(Duration without_primary) {
  families_->failover.Observe(seconds(without_primary));
}

void Metrics::count_partition_event(std::string_view kind) {
  families_->partitions.Add({{"kind", std::string(kind)}}).Increment();
}

std::string Metrics::text(const GatewayStatus& status, double certificate_seconds_left,
                          Instant now) {
  std::scoped_lock lock(families_->scrape);
  families_->set(status, now);
  auto collected = families_->registry.Collect();
  for (auto& family : service_families(status.services, certificate_seconds_left)) {
    collected.push_back(std::move(family));
  }
  for (auto& family : requests_.Collect()) collected.push_back(std::move(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, collected);
  return out.str();
}

}  // namespace regent
