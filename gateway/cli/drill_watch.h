#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gateway/cli/admin_client.h"
#include "gateway/drill/drill_record.h"
#include "topology/topology.h"

namespace regent::cli {

// Asks every gateway for its status again and again during a drill, one thread a gateway.
class DrillWatch {
 public:
  static constexpr Duration kEvery = std::chrono::milliseconds(200);
  static constexpr std::size_t kMaxSamples = 200'000;  // kept; older ones stay

  // `topology` must outlive this. `id`: of the drill; times count from `zero`.
  DrillWatch(const Topology& topology, std::string certs, std::string id, Instant zero);
  ~DrillWatch() { stop(); }
  DrillWatch(const DrillWatch&) = delete;
  DrillWatch& operator=(const DrillWatch&) = delete;

  void start();
  void stop();
  std::vector<GatewaySample> samples() const;  // any thread
  // The last of each gateway, by GatewayId; without an answer before the first, and when it is
  // older than this: a gateway that stands still says nothing, and takes back nothing.
  static constexpr Duration kStale = std::chrono::seconds(1);
  std::vector<GatewaySample> last() const;

 private:
  void run(GatewayId gateway);

  const Topology& topology_;
  const std::string certs_;
  const std::string id_;
  const Instant zero_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<GatewaySample> samples_;
  std::vector<GatewaySample> last_;
  std::vector<std::thread> threads_;
};

}  // namespace regent::cli
