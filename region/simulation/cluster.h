#pragma once

#include <optional>
#include <string>
#include <vector>

#include "region/simulation/faults.h"

// A whole cluster in one thread: the real state machines on a simulated network, first under
// faults (safety), then in a world that has calmed down for some of it (liveness). Everything
// follows from the seed.
namespace regent::simulation {

struct Options {
  std::uint64_t seed = 1;
  Duration length{std::chrono::seconds(60)};  // of the whole run, in true time
  std::size_t trace_lines = 0;                // the last ones are kept
  // Clocks beyond the bound that the topology states, where the promise cannot be kept. Then only
  // faults happen, to the end.
  bool clocks_beyond_bound = false;
  const Topology* topology = nullptr;  // nullptr: drawn
};

struct RunReport {
  std::optional<std::string> violation;  // the broken rule, with the simulated time
  std::string scenario;
  std::uint64_t leases = 0;    // taken or prolonged
  std::uint64_t changes = 0;   // of the primary region
  std::uint64_t writes = 0;    // of clients, taken
  std::uint64_t messages = 0;  // handed to the network
  std::uint64_t steps = 0;     // things that happened
  Faults::Counts faults{};
  // In the calm: whether a connected quorum was left, how soon it had a primary, and the bound.
  bool expected_primary = false;
  Duration primary_after{};
  Duration primary_bound{};
  std::vector<std::string> trace;
};

class Cluster {
 public:
  explicit Cluster(const Options& options);
  RunReport run();

 private:
  void build();
  std::vector<std::uint16_t> sites() const;
  // Runs until `end`; false once a rule is broken.
  bool run_until(TrueInstant end);

  // The calm: some of the cluster, enough to have a primary, is connected and in order.
  struct Calm {
    std::vector<bool> inside;  // by ProcessId
    Duration bound;            // from the calm on there is a primary within
  };
  // How the rest of the cluster meets those inside.
  enum class Outsiders : std::uint8_t { dead, cut_off, only_heard, only_hearing };
  Duration calm_bound() const;
  Duration calm_length() const;
  bool calm_down();
  bool can_lead(const std::vector<bool>& inside) const;
  std::optional<std::vector<bool>> draw_quorum();
  void settle_outsiders(const std::vector<bool>& inside);
  void put_in_order(const std::vector<bool>& inside);
  void resume_failover(const std::vector<bool>& inside);
  bool has_primary(const std::vector<bool>& inside) const;
  bool await_primary(const Calm& calm);
  bool stays(const std::vector<bool>& inside, TrueInstant end);

  Options options_;
  Random random_;
  Scenario scenario_;
  Schedule schedule_;
  Checker checker_;
  Trace trace_;
  Processes processes_;
  World world_;
  Network network_;
  Faults faults_;
  RunReport report_;
};

RunReport simulate(const Options& options);

}  // namespace regent::simulation
