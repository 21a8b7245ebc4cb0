#include "gateway/drill/rehearsed_figures.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "gateway/drill/drill_report.h"

namespace regent {
namespace {

constexpr std::size_t kShownReasons = 10;
constexpr std::size_t kShownSeeds = 5;

std::string range_text(const Spread& spread) {
  return seconds_text(spread.min()) + " to " + seconds_text(spread.max()) + ", median " +
         seconds_text(spread.at(0.5));
}

std::string rehearsals(std::uint64_t runs) {
  return std::to_string(runs) + (runs == 1 ? " rehearsal" : " rehearsals");
}

Placement place(const std::string& figure, std::optional<double> live, const Spread& spread,
                const RehearsedFigures& rehearsed, double resolution) {
  Placement out{figure, live, false, ""};
  const std::uint64_t without = rehearsed.runs - spread.count();
  if (!live) {
    out.inside = without > 0;
    out.text = (out.inside ? "there was none, as in " : "OUTSIDE: there was none, but in ") +
               std::to_string(out.inside ? without : spread.count()) + " of " +
               rehearsals(rehearsed.runs);
    return out;
  }
  out.text = seconds_text(*live);
  if (spread.empty()) {
    out.text = "OUTSIDE: " + out.text + ", and there was none in " + rehearsals(rehearsed.runs);
    return out;
  }
  out.inside = *live >= spread.min() - resolution && *live <= spread.max() + resolution;
  if (out.inside) {
    const bool among = *live >= spread.min() && *live <= spread.max();
    out.text += among ? " lies within "
                      : " is as near as probes can tell (" + seconds_text(resolution) + ") to ";
    out.text += rehearsals(spread.count()) + " (" + range_text(spread) + "); " +
                std::to_string(std::lround(100 * spread.below(*live))) + " % of them were shorter";
  } else {
    out.text = "OUTSIDE: " + out.text + " is " +
               (*live > spread.max() ? "longer" : "shorter") + " than in each of " +
               rehearsals(spread.count()) + " (" + range_text(spread) + ")";
  }
  return out;
}

}  // namespace

std::string rehearsed_failures_text(const RehearsedFigures& figures) {
  std::vector<std::string> reasons;  // in the order of the seeds
  std::map<std::string, std::vector<std::uint64_t>> seeds;
  for (const auto& [seed, why] : figures.failed) {
    if (seeds[why].empty()) reasons.push_back(why);
    seeds[why].push_back(seed);
  }
  std::string text = reasons.empty() ? "" : "\n";
  for (std::size_t i = 0; i < std::min(kShownReasons, reasons.size()); ++i) {
    const std::vector<std::uint64_t>& of = seeds[reasons[i]];
    text += "FAILED in " + std::to_string(of.size()) + (of.size() == 1 ? " run" : " runs") +
            (of.size() == 1 ? ", seed " : ", seeds ");
    for (std::size_t n = 0; n < std::min(kShownSeeds, of.size()); ++n) {
      text += (n > 0 ? ", " : "") + std::to_string(of[n]);
    }
    text += (of.size() > kShownSeeds ? ", …: " : ": ") + reasons[i] + "\n";
  }
  if (reasons.size() > kShownReasons) {
    text += "… and for " + std::to_string(reasons.size() - kShownReasons) + " more reasons\n";
  }
  return text;
}

Spread::Spread(std::vector<std::pair<double, std::uint64_t>> values) : values_(std::move(values)) {
  std::ranges::sort(values_);
}

double Spread::at(double share) const {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(count())));
  return values_.at(std::max<std::size_t>(rank, 1) - 1).first;
}

double Spread::below(double value) const {
  const auto first = std::ranges::lower_bound(values_, value, {}, [](const auto& v) {
    return v.first;
  });
  return empty() ? 0 : static_cast<double>(first - values_.begin()) / static_cast<double>(count());
}

std::vector<std::size_t> Spread::histogram(std::size_t parts) const {
  std::vector<std::size_t> out(parts);
  const double width = empty() ? 0 : (max() - min()) / static_cast<double>(parts);
  for (const auto& [value, seed] : values_) {
    const auto part = width > 0 ? static_cast<std::size_t>((value - min()) / width) : 0;
    ++out[std::min(part, parts - 1)];
  }
  return out;
}

RehearsedRun rehearsed_run(std::uint64_t seed, const DrillVerdict& verdict) {
  return {seed, verdict.gap, verdict.phases.first_write, failures_text(verdict),
          verdict.failed};
}

void RehearsedFigures::take(const std::vector<RehearsedRun>& all) {
  runs = all.size();
  std::vector<std::pair<double, std::uint64_t>> gaps;
  std::vector<std::pair<double, std::uint64_t>> failovers;
  std::vector<std::pair<double, std::uint64_t>> failures;
  for (const RehearsedRun& run : all) {
    gaps.emplace_back(run.gap, run.seed);
    failures.emplace_back(static_cast<double>(run.failed_writes), run.seed);
    if (run.failover >= 0) failovers.emplace_back(run.failover, run.seed);
    if (!run.failure.empty()) failed.emplace_back(run.seed, run.failure);
  }
  gap = Spread(std::move(gaps));
  failover = Spread(std::move(failovers));
  failed_writes = Spread(std::move(failures));
}

std::uint64_t RehearsedFigures::worst_seed() const {
  if (!failed.empty()) return failed.front().first;
  if (!failover.empty()) return failover.seed_of_max();
  return gap.empty() ? first_seed : gap.seed_of_max();
}

std::vector<Placement> place_figures(const DrillVerdict& live, const RehearsedFigures& rehearsed) {
  const double failover = live.phases.first_write;
  const double resolution = rehearsed.resolution + live.usual_write;
  return {place("failover time", failover < 0 ? std::nullopt : std::optional(failover),
                rehearsed.failover, rehearsed, resolution),
          place("longest time without a write", live.gap, rehearsed.gap, rehearsed, resolution)};
}

std::string failures_text(const DrillVerdict& verdict) {
  std::string text;
  for (const DrillCheck& check : verdict.checks) {
    if (check.passed) continue;
    text += (text.empty() ? "" : "; ") + check.name + ": " + check.actual + ", expected: " +
            check.expected;
  }
  return text;
}

}  // namespace regent
