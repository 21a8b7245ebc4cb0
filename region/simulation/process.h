#pragma once

#include <deque>
#include <functional>
#include <string>

#include "quorum/random.h"
#include "region/simulation/checker.h"
#include "region/simulation/clock.h"
#include "region/simulation/network.h"
#include "region/simulation/schedule.h"
#include "region/simulation/trace.h"
#include "topology/topology.h"

namespace regent::simulation {

// How the processes behave, apart from the network; chances in thousandths, all zero when the
// faults have ended.
struct Mischief {
  std::uint32_t stall_permille = 0;  // a process stops for up to `stall`, in the middle of a step
  Duration stall{};
  std::uint32_t crash_at_write_permille = 0;  // a node, just before or just after its disk has it
  std::uint32_t disk_failure_permille = 0;    // a write or a sync fails
  std::uint32_t corruption_permille = 0;      // a crash at a write leaves what cannot be read
  std::uint32_t forgery_permille = 0;         // a gateway changes an answer that it passes on
  Duration disk_delay = std::chrono::microseconds(500);  // upper bound
};

// What all processes of one run share. Process ids: gateways first, then nodes.
struct World {
  const Topology& topology;
  Schedule& schedule;
  Random& random;
  Checker& checker;
  Trace& trace;
  Network* network;
  Mischief mischief;

  bool chance(std::uint32_t permille) { return permille > 0 && random.below(1000) < permille; }
  Duration up_to(Duration bound) {
    return Duration(random.below(static_cast<std::uint64_t>(bound.count())));
  }
  ProcessId process(GatewayId gateway) const { return gateway.value; }
  ProcessId process(NodeId node) const {
    return static_cast<ProcessId>(topology.gateways.size()) + node.value;
  }
  RegionId region_of(ProcessId process) const;
  std::string name(ProcessId process) const;
  std::string name(GatewayId gateway) const { return name(process(gateway)); }
  std::string name(NodeId node) const { return name(process(node)); }
};

std::string show(const Question& question, const Topology& topology);
const char* show(Verdict verdict);

// Stands for the signature that a node's key gives: nobody else in the simulation makes one.
std::string simulated_signature(const Answer& answer);

// A process that can crash, be restarted, be paused and continue. Own work that it had begun
// before a crash never ends; work that falls into a pause is done after it.
class Process : protected Schedule::Target {
 public:
  Process(World& world, ProcessId self, Clock clock) : world_(world), self_(self), clock_(clock) {}
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  ProcessId id() const { return self_; }
  bool alive() const { return alive_; }
  bool paused() const { return paused_; }
  // Paused in the middle of a step of its control thread; other threads of it go on.
  bool stalled() const { return paused_ && stalled_; }
  void start();
  void crash();
  // All of it stops, a stalled one too.
  void pause();
  void resume();
  void set_clock_rate(std::int64_t ppm);
  // The wall clock jumps, forth or back.
  void jump_wall_clock(Duration by) { wall_clock_ahead_ += by; }
  // A message from the network; lost on a dead process.
  void deliver(ProcessId from, const PeerMessage& message);

 protected:
  // What the kinds of process do; all are called while alive and not paused.
  virtual void started() = 0;
  virtual void crashed() = 0;
  virtual void received(ProcessId from, const PeerMessage& message) = 0;
  virtual void woken() = 0;
  virtual void clock_changed() = 0;
  // The clock goes at another rate from now on: for the checker; called while paused, too.
  virtual void rate_changed() {}

  // The clock by which the process decides.
  Instant now() const { return clock_.at(world_.schedule.now()); }
  // What nothing may depend on.
  Instant wall_now() const { return now() + wall_clock_ahead_; }
  // Calls woken() at a true instant, unless the process crashes before.
  void wake_at(TrueInstant when) { world_.schedule.at(when, *this, 0, life_); }
  // Runs `work` after a delay, unless the process crashes before.
  void later(Duration delay, Schedule::Action work);
  // Runs `work`, or keeps it for the end of the pause.
  void run(Schedule::Action work);
  // In the middle of a step: goes on with `rest`, now or after a pause that begins here.
  template <typename Rest>
  void may_stall(Rest rest) {
    if (!world_.chance(world_.mischief.stall_permille)) return rest();
    stall(std::move(rest));
  }
  // A pause begins in the middle of a step; `rest` comes first when it is over.
  void stall(Schedule::Action rest);

  World& world_;
  const ProcessId self_;
  Clock clock_;

 private:
  void due(std::uint32_t what, std::uint32_t life) override;

  bool alive_ = false;
  bool paused_ = false;
  bool stalled_ = false;
  std::uint32_t life_ = 0;
  Duration wall_clock_ahead_{};
  std::deque<Schedule::Action> held_;  // what came during the pause
};

}  // namespace regent::simulation
