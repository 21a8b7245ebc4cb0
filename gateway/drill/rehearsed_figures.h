#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/drill/drill_record.h"

// What many rehearsals of a drill gave, and where a live run lies in it. Pure.
namespace regent {

// One figure of many runs, in seconds or a number. Shares are of the runs that have it.
class Spread {
 public:
  Spread() = default;
  // Values and the seeds they came from, in any order.
  explicit Spread(std::vector<std::pair<double, std::uint64_t>> values);

  std::size_t count() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  // The smallest value that at least this share of the values does not exceed; not when empty.
  double at(double share) const;
  double min() const { return at(0); }
  double max() const { return at(1); }
  std::uint64_t seed_of_max() const { return values_.back().second; }
  // Share of the values that are lower than this.
  double below(double value) const;
  // How many values lie in each of so many equal parts from min() to max().
  std::vector<std::size_t> histogram(std::size_t parts) const;

 private:
  std::vector<std::pair<double, std::uint64_t>> values_;  // ascending; and the seeds
};

// One rehearsal, judged as a live run is.
struct RehearsedRun {
  std::uint64_t seed = 0;
  double gap = 0;
  double failover = -1;   // negative: there was none
  std::string failure{};  // the checks that failed; "": none
  std::uint64_t failed_writes = 0;
};
RehearsedRun rehearsed_run(std::uint64_t seed, const DrillVerdict& verdict);

struct RehearsedFigures {
  std::string drill;
  std::uint64_t first_seed = 1;
  std::uint64_t runs = 0;
  std::string round_trips;  // between which regions, for people
  double resolution = 0;    // seconds between a client's writes
  Spread failover;          // first fault to first write under the next epoch; of runs with one
  Spread gap;               // longest time without an acknowledged write
  Spread failed_writes;     // a number
  std::vector<std::pair<std::uint64_t, std::string>> failed;  // seeds, and what failed

  // Fills in `runs`, and all that comes after `resolution`.
  void take(const std::vector<RehearsedRun>& all);
  // The one to look at: one that failed, else the longest failover, else the longest gap.
  std::uint64_t worst_seed() const;
};

// Where a figure of a live run lies in what was rehearsed.
struct Placement {
  std::string figure;          // "failover time"
  std::optional<double> live;  // seconds; nullopt: it did not happen
  bool inside = false;
  std::string text;  // a sentence that says so
};

// Inside is between the least and the most that was rehearsed, to within what a client's writes
// can tell: the time between two of them, and what one usually takes in the live cluster.
std::vector<Placement> place_figures(const DrillVerdict& live, const RehearsedFigures& rehearsed);

// The runs that failed, for people, a line for each reason; "": none.
std::string rehearsed_failures_text(const RehearsedFigures& figures);

// The failed checks, for people; "": none.
std::string failures_text(const DrillVerdict& verdict);

}  // namespace regent
