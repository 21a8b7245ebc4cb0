#pragma once

#include <deque>
#include <optional>

#include "quorum/voter.h"
#include "region/simulation/process.h"

namespace regent::simulation {

// A node's disk: what is left after a crash.
struct SimulatedDisk {
  VoteRecord record;  // as a process that starts would read it
  bool full = false;
  bool corrupt = false;
};

// A simulated node: the real Voter, and a disk that takes time, fills up, fails, loses what was not
// synced and can become unreadable. Questions wait while the disk is busy.
class NodeProcess final : public Process {
 public:
  NodeProcess(World& world, NodeId self, Clock clock);

  // Nothing more can be written, or again.
  void set_disk_full(bool full) { disk_.full = full; }
  // Whether it takes part: alive, its record readable, its disk in order.
  bool votes() const { return alive() && voter_ && !voter_->failed(); }
  // Whether it could, after a restart.
  bool usable() const { return !disk_.corrupt; }

 private:
  struct Waiting {
    ProcessId from;
    Question question;
  };
  void started() override;
  void crashed() override;
  void received(ProcessId from, const PeerMessage& message) override;
  void woken() override {}
  void clock_changed() override {}

  void work();
  void write(const Waiting& asked, const Voter::Output& output, Instant decided);
  void synced(const Waiting& asked, const Voter::Output& output, Instant decided);
  void disk_failed(const Waiting& asked);
  void answer(ProcessId from, const Answer& answer, Instant decided);

  NodeId node_;
  SimulatedDisk disk_;
  std::optional<Voter> voter_;
  std::optional<VoteRecord> unsynced_;  // written, but a crash may lose it
  bool busy_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace regent::simulation
