#pragma once

#include <map>
#include <string>

#include "gateway/cli/process_group.h"
#include "gateway/drill/process_faults.h"
#include "quorum/result.h"

namespace regent::cli {

// Stops and pauses the processes that `regent local` runs when their gateways ask for it in a
// drill, and ends that at its time. Only the gateways can ask: over a socket that they inherit and
// that has no name. Main thread.
class LocalSupervisor {
 public:
  // `group` must outlive this, which attends to it.
  explicit LocalSupervisor(ProcessGroup& group) : group_(group) {}
  ~LocalSupervisor();
  LocalSupervisor(const LocalSupervisor&) = delete;
  LocalSupervisor& operator=(const LocalSupervisor&) = delete;

  // By its name for gateways, REGION/NAME: each child's name in the group.
  using Children = std::map<std::string, std::string>;
  Status open(Children children);
  // What gateways send on; valid as long as this lives.
  int gateways_end() const { return ends_[1]; }

 private:
  Instant turn();
  void apply(Instant now);

  ProcessGroup& group_;
  Children children_;
  ProcessFaultBook book_;
  int ends_[2] = {-1, -1};
};

}  // namespace regent::cli
