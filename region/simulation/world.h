#pragma once

#include <deque>
#include <iosfwd>
#include <sstream>
#include <string>

#include "quorum/random.h"
#include "region/peer_message.h"
#include "region/simulation/checker.h"
#include "region/simulation/network.h"
#include "topology/topology.h"

namespace regent::simulation {

// What happened last, for the reader of a failed run. Formats nothing unless switched on.
class Trace {
 public:
  static constexpr std::size_t kKept = 400;

  Trace(const Schedule& schedule, bool enabled) : schedule_(schedule), enabled_(enabled) {}

  // `...what` is put together with operator<<.
  template <typename... What>
  void add(const What&... what) {
    if (!enabled_) return;
    std::ostringstream line;
    line << schedule_.now().time_since_epoch().count() / 1000 << " us: ";
    (line << ... << what);
    lines_.push_back(line.str());
    if (lines_.size() > kKept) lines_.pop_front();
  }
  bool enabled() const { return enabled_; }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  const Schedule& schedule_;
  bool enabled_;
  std::deque<std::string> lines_;
};

// How the processes behave, apart from the network; zero when the faults have ended.
struct Mischief {
  std::uint32_t crash_at_write_permille = 0;  // a node, just before or just after its disk has it
  std::uint32_t disk_failure_permille = 0;
  Duration disk_delay{};  // upper bound
};

// Everything the processes of one run share. Process ids: gateways first, then nodes.
struct World {
  const Topology& topology;
  Schedule& schedule;
  Network& network;
  Random& random;
  Checker& checker;
  Trace& trace;
  Mischief mischief;
  // Brings a message to a process, over the network.
  std::function<void(ProcessId from, ProcessId to, const PeerMessage& message)> send;

  ProcessId process(GatewayId gateway) const { return gateway.value; }
  ProcessId process(NodeId node) const {
    return static_cast<ProcessId>(topology.gateways.size()) + node.value;
  }
  std::string name(GatewayId id) const;
  std::string name(NodeId id) const;
};

std::string show(const Question& question, const Topology& topology);
const char* show(Verdict verdict);

// A process that can crash, be restarted, be paused and continue. Own work that it had begun
// before a crash never ends; work that falls into a pause is done after it.
class Process {
 public:
  Process(World& world, Clock clock) : world_(world), clock_(clock) {}
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool alive() const { return alive_; }
  bool paused() const { return paused_; }
  void start();
  void crash();
  void pause() { paused_ = true; }
  void resume();
  void set_clock_rate(std::int64_t ppm);
  // A message from the network; lost on a dead process.
  void deliver(ProcessId from, const PeerMessage& message);

 protected:
  // What the kinds of process do; all are called while alive and not paused.
  virtual void started() = 0;
  virtual void crashed() = 0;
  virtual void received(ProcessId from, const PeerMessage& message) = 0;
  virtual void clock_changed() = 0;

  Instant now() const { return clock_.at(world_.schedule.now()); }
  // Runs `work` after a delay, unless the process crashes before.
  void later(Duration delay, Schedule::Action work);
  void run(Schedule::Action work);

  World& world_;
  Clock clock_;

 private:
  bool alive_ = false;
  bool paused_ = false;
  std::uint64_t life_ = 0;
  std::deque<Schedule::Action> held_;  // what came during the pause
};

}  // namespace regent::simulation
