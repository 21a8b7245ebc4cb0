#pragma once

#include <optional>
#include <vector>

#include "region/member.h"
#include "region/simulation/process.h"

namespace regent::simulation {

// A simulated gateway: the real Member, and a data plane that takes writes by the route published
// last, as a running one does.
class GatewayProcess final : public Process {
 public:
  GatewayProcess(World& world, GatewayId self, Clock clock);

  // Health checks found enough healthy backends of each service in the region, or none.
  void set_backends_in_order(bool in_order);
  // Operators' wishes, put to this gateway.
  void switch_over(RegionId successor, Duration timeout);
  void pause_failover(bool paused);
  // It is told to end, and calls `ended`, in no step of its own, when it has handed over.
  void leave(Duration limit, Schedule::Action ended);
  bool leaving() const { return leaving_.has_value(); }
  // A client's write; taken if the route allows it, and then under way to a backend for `lasting`.
  void write(Duration lasting);

  // The process is ended for good; nothing starts it again.
  void remove();
  bool removed() const { return removed_; }

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
  void woken() override;
  void clock_changed() override;
  void rate_changed() override;

  BackendFacts backends() const;
  bool genuine(const TallyMessage& tally) const;
  void settle();
  // Keeps and publishes first, then sends; may stop for a while before either.
  void empty();
  void publish(const Outbox& out);
  void send_all(Outbox& out);
  void trace_sending(GatewayId to, const PeerMessage& message);
  void tell_checker(const PeerMessage& message);
  void reply(std::uint64_t connection, PeerMessage message);
  void wake_when(Instant reading);

  GatewayId gateway_;
  bool backends_in_order_ = true;
  Incarnation incarnation_;
  std::optional<Member> member_;
  Outbox out_;  // empty between two steps
  Route route_;
  std::int64_t writes_in_flight_ = 0;
  std::uint64_t next_token_ = 1;
  struct Leaving {
    std::uint64_t token;
    Schedule::Action ended;
  };
  std::optional<Leaving> leaving_;
  Epoch drained_in_;  // the last epoch in which it had stopped taking writes, and none was left
  PauseRecord kept_;  // on disk
  RoundId told_;      // the question that the checker heard of last
  bool removed_ = false;
  TrueInstant pending_wake_ = TrueInstant::max();
  TrueInstant last_wake_ = TrueInstant::min();
  unsigned wakes_at_once_ = 0;
};

}  // namespace regent::simulation
