#pragma once

#include <deque>
#include <optional>

#include "quorum/voter.h"
#include "region/simulation/world.h"

namespace regent::simulation {

// A simulated node: the real Voter, and a disk that takes time, fails, and is all that is left
// after a crash. Questions wait while the disk is busy.
class NodeProcess : public Process {
 public:
  NodeProcess(World& world, NodeId self, Clock clock);

 private:
  struct Waiting {
    ProcessId from;
    RoundMessage round;
  };
  void started() override;
  void crashed() override;
  void received(ProcessId from, const PeerMessage& message) override;
  void clock_changed() override {}

  void work();
  void write(ProcessId from, const RoundMessage& round, const Voter::Output& output);
  void answer(ProcessId from, const Answer& answer);

  NodeId self_;
  VoteRecord disk_;
  std::optional<Voter> voter_;
  bool busy_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace regent::simulation
