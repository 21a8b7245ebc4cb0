#pragma once

#include <optional>

#include "region/member.h"
#include "region/simulation/world.h"

namespace regent::simulation {

// A simulated gateway: the real Member, and a data plane that takes writes by the route published
// last, as a running one does.
class GatewayProcess : public Process {
 public:
  GatewayProcess(World& world, GatewayId self, Clock clock);

  // Whether it may write now, by its own clock, also while it is paused; and in which epoch.
  bool may_write() const;
  Epoch epoch() const { return route_.epoch; }

  // Health checks found this many healthy backends in the region.
  void set_healthy_backends(std::uint32_t healthy);
  // An operator's wish, put to this gateway.
  void switch_over(RegionId successor, Duration timeout);
  // A client's write; taken if the route allows it, and then under way to a backend for `lasting`.
  void write(Duration lasting);

 private:
  // What the data plane knows.
  struct Route {
    Epoch epoch;
    Instant lease_end = Instant::min();
    bool draining = false;
  };
  void started() override;
  void crashed() override;
  void received(ProcessId from, const PeerMessage& message) override;
  void clock_changed() override;

  void settle();
  // Publishes first, then sends.
  void empty(Outbox& out);
  void publish();
  void send(GatewayId to, const PeerMessage& message);
  void wake_at(Instant reading);

  GatewayId self_;
  std::uint32_t healthy_backends_ = 1;
  Incarnation incarnation_;
  std::optional<Member> member_;
  Route route_;
  std::int64_t writes_in_flight_ = 0;
  std::uint64_t next_token_ = 1;
  TrueInstant pending_wake_ = TrueInstant::max();
  TrueInstant last_wake_ = TrueInstant::min();
  unsigned wakes_at_once_ = 0;
};

}  // namespace regent::simulation
