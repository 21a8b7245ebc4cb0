#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/request_counters.h"
#include "gateway/status.h"

// What `GET /metrics` shows, in Prometheus' text format. State is taken from the status at each
// scrape; events and requests are counted as they happen.
namespace regent {

// Any thread.
class Metrics {
 public:
  // `services`: names by index in the topology.
  explicit Metrics(std::vector<std::string> services);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // For the data plane; lives as long as this.
  RequestObserver& requests() { return requests_; }

  // What the data plane has reported as RequestObserver::write_failed so far.
  std::uint64_t failed_writes() const { return requests_.failed_writes(); }

  // An election this gateway stood in ended: "won" or "lost".
  void count_election(std::string_view outcome);
  // The primary region changed, as seen here; cause: "failover" or "switchover".
  void count_primary_change(std::string_view cause);
  // How long no primary was known before a new one was.
  void observe_failover(Duration without_primary);
  // Something about links or quorum broke or healed, such as "quorum_lost" or "link_one_way".
  void count_partition_event(std::string_view kind);

  // The whole page. `certificate_seconds_left`: until the own certificate expires.
  std::string text(const GatewayStatus& status, double certificate_seconds_left, Instant now);

 private:
  struct Families;
  RequestCounters requests_;
  std::unique_ptr<Families> families_;
};

}  // namespace regent
