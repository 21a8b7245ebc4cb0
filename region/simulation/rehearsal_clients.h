#pragma once

#include <functional>
#include <vector>

#include "region/simulation/faults.h"
#include "region/simulation/rehearsal.h"

namespace regent::simulation {

// Clients of a rehearsed cluster: one at each gateway, which sends one write after the other. A
// write is taken by its gateway, or carried to the one that leads, or held for as long as neither
// can be, as the real data plane does. One thread.
class RehearsalClients {
 public:
  // One way from a region's gateway to another region's, as the network takes it now.
  using Way = std::function<Duration(RegionId from, RegionId to)>;

  // All must outlive this.
  RehearsalClients(World& world, Processes& processes, const RehearsalOptions& options, Way way);

  void begin();
  // Keeps what is answered from now on; times count from here.
  void record(std::vector<RehearsedWrite>& writes);

 private:
  struct Client {
    TrueInstant sent;
  };
  void send(GatewayId client);
  void attempt(GatewayId client);
  void arrive(GatewayId client, GatewayId leader);
  void retry(GatewayId client);
  bool taken_by(GatewayId gateway);
  void answered(GatewayId client, RehearsedWrite write);
  RegionId region(GatewayId gateway) const { return world_.topology.gateway(gateway).region; }
  bool cut(GatewayId from, GatewayId to) const {
    return world_.network->cut(world_.process(from), world_.process(to));
  }

  World& world_;
  Processes& processes_;
  const RehearsalOptions& options_;
  Way way_;
  std::vector<Client> clients_;  // by GatewayId
  std::vector<RehearsedWrite>* writes_ = nullptr;
  TrueInstant zero_{};
};

}  // namespace regent::simulation
