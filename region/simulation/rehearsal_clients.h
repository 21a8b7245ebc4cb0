#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "region/links.h"
#include "region/simulation/faults.h"
#include "region/simulation/rehearsal.h"

namespace regent::simulation {

// Clients of a rehearsed cluster: one at each gateway, which sends one write after the other. A
// write is taken by its gateway, or carried to the one that leads, or held for as long as neither
// can be, as the real data plane does. One thread.
//
// A cut is made by the gateways of one end, as in a live drill: those hold writes that would have
// to go through it, and refuse connections from the other end. The gateways there do not know of it
// before their link counts as down, but a connection that was refused has carried no write, so they
// try again until then, and hold the write afterwards. What was on its way when the cut was made
// may have been taken, for all they know, and after RehearsalOptions::attempts of such the outcome
// of the write is unknown.
class RehearsalClients {
 public:
  // One way from a region's gateway to another region's, as the network takes it now.
  using Way = std::function<Duration(RegionId from, RegionId to)>;

  // All must outlive this.
  RehearsalClients(World& world, Processes& processes, const RehearsalOptions& options, Way way);

  void begin();
  // Keeps what is answered from now on; times count from here.
  void record(std::vector<RehearsedWrite>& writes);

  // A cut that the gateways of `here` make, towards `there` or from there or both.
  void cut(RegionId here, RegionId there) { cuts_.emplace_back(here, there); }
  void heal() { cuts_.clear(); }
  // What a gateway's view of its links comes from.
  void heard(GatewayId by, GatewayId from, const Heartbeat& heartbeat);

 private:
  struct Client {
    TrueInstant sent;
    unsigned attempts = 0;  // that came to nothing, and may have been taken
    Links links;            // of its gateway
  };
  void send(GatewayId client);
  void attempt(GatewayId client);
  void arrive(GatewayId client, GatewayId leader);
  void retry(GatewayId client, Duration pause);
  void cut_off(GatewayId client, bool by_itself);
  bool taken_by(GatewayId gateway);
  void answered(GatewayId client, RehearsedWrite write);
  RegionId region(GatewayId gateway) const { return world_.topology.gateway(gateway).region; }
  bool makes_cut(GatewayId gateway, GatewayId towards) const;
  bool cut_between(GatewayId a, GatewayId b) const { return makes_cut(a, b) || makes_cut(b, a); }
  bool knows_no_way(GatewayId client, GatewayId leader) const;
  Instant clock() const { return Instant{world_.schedule.now().time_since_epoch()}; }

  World& world_;
  Processes& processes_;
  const RehearsalOptions& options_;
  Way way_;
  std::vector<Client> clients_;                      // by GatewayId
  std::vector<std::pair<RegionId, RegionId>> cuts_;  // who makes it, and towards whom
  std::vector<RehearsedWrite>* writes_ = nullptr;
  TrueInstant zero_{};
};

}  // namespace regent::simulation
