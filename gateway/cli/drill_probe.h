#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gateway/drill/drill_record.h"
#include "topology/topology.h"

namespace regent::cli {

// Clients of the service during a drill: one a gateway, each writing one request after the other
// over plain HTTP and keeping every answer. A write that gets no answer is not repeated.
class DrillProbes {
 public:
  static constexpr std::size_t kMaxAnswers = 200'000;  // kept; the probes stop there
  static constexpr Duration kAnswerLimit = std::chrono::seconds(15);

  // The service that is written to: the one named, or the first of the topology that speaks HTTP;
  // nullptr: there is none.
  static const Service* service_of(const Topology& topology, const DrillProbe& probe);
  // Errors: the service is not there, is no http service, or wants TLS.
  static Status check(const Topology& topology, const DrillProbe& probe);

  // Both must outlive this. `id` begins the ids of all writes; times count from `zero`.
  DrillProbes(const Topology& topology, const DrillProbe& probe, std::string id, Instant zero);
  ~DrillProbes() { stop(); }
  DrillProbes(const DrillProbes&) = delete;
  DrillProbes& operator=(const DrillProbes&) = delete;

  void start();
  // Waits for the answers under way.
  void stop();
  std::vector<ProbeAnswer> answers() const;  // so far; any thread

 private:
  void run(GatewayId gateway);

  const Topology& topology_;
  const DrillProbe& probe_;
  const std::string id_;
  const Instant zero_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<ProbeAnswer> answers_;
  std::vector<std::thread> threads_;
};

}  // namespace regent::cli
