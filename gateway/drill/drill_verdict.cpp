#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "gateway/drill/drill_record.h"

namespace regent {
namespace {

// After its lease a region that was cut off has had this long to notice.
constexpr double kNoticeSeconds = 0.5;

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", value);
  return text;
}

std::vector<ProbeAnswer> by_answer(const DrillRecord& record) {
  std::vector<ProbeAnswer> acknowledged;
  std::ranges::copy_if(record.probes, std::back_inserter(acknowledged),
                       [](const ProbeAnswer& probe) { return probe.acknowledged(); });
  std::ranges::sort(acknowledged, {}, &ProbeAnswer::answered);
  return acknowledged;
}

double longest_gap(const std::vector<ProbeAnswer>& acknowledged, double length) {
  // Before the first one nobody has waited: the drill acts once writes go through.
  double last = acknowledged.empty() ? 0 : acknowledged.front().answered;
  double longest = 0;
  for (const ProbeAnswer& probe : acknowledged) {
    longest = std::max(longest, probe.answered - last);
    last = probe.answered;
  }
  return std::max(longest, length - last);
}

// No epoch has two regions, and no write was taken under an older epoch after one of a newer was
// answered.
std::optional<std::string> second_primary(const std::vector<ProbeAnswer>& acknowledged) {
  std::map<std::uint64_t, std::string> region_of;
  for (const ProbeAnswer& probe : acknowledged) {
    const auto [known, fresh] = region_of.emplace(probe.epoch, probe.served_by);
    if (!fresh && known->second != probe.served_by) {
      return "epoch " + std::to_string(probe.epoch) + " was served by " + known->second + " and " +
             probe.served_by;
    }
  }
  // Highest epoch answered so far, against what was sent later.
  std::vector<ProbeAnswer> by_sent = acknowledged;
  std::ranges::sort(by_sent, {}, &ProbeAnswer::sent);
  std::size_t next = 0;
  std::uint64_t highest = 0;
  for (const ProbeAnswer& probe : by_sent) {
    for (; next < acknowledged.size() && acknowledged[next].answered <= probe.sent; ++next) {
      highest = std::max(highest, acknowledged[next].epoch);
    }
    if (probe.epoch < highest) {
      return probe.served_by + " took a write in epoch " + std::to_string(probe.epoch) +
             " after one of epoch " + std::to_string(highest) + " was answered";
    }
  }
  return std::nullopt;
}

std::uint64_t taken_in_minority(const DrillRecord& record) {
  std::uint64_t taken = 0;
  for (const ProbeAnswer& probe : record.probes) {
    taken += probe.acknowledged() &&
             std::ranges::any_of(record.isolations, [&](const Isolation& isolation) {
               const double over = isolation.from + seconds(record.lease) + kNoticeSeconds;
               return isolation.region == probe.region && isolation.gateway.empty() &&
                      probe.sent > over && probe.answered < isolation.until;
             });
  }
  return taken;
}

double median_write(const std::vector<ProbeAnswer>& acknowledged) {
  std::vector<double> times;
  for (const ProbeAnswer& probe : acknowledged) times.push_back(probe.answered - probe.sent);
  if (times.empty()) return 0;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

struct Reign {
  std::string region;
  std::uint64_t epoch = 0;
};

// Who took the last write that was answered by then.
Reign reign_at(double when, const std::vector<ProbeAnswer>& acknowledged) {
  Reign reign;
  for (const ProbeAnswer& probe : acknowledged) {
    if (probe.answered > when) break;
    reign = {probe.served_by, probe.epoch};
  }
  return reign;
}

DrillPhases phases_of(const DrillRecord& record, const std::vector<ProbeAnswer>& acknowledged) {
  DrillPhases phases;
  if (acknowledged.empty() || record.actions.empty()) return phases;
  const double fault = record.actions.front().from;
  const Reign old = reign_at(fault, acknowledged);
  const auto note = [&](double& phase, double at) {
    if (phase < 0 || at - fault < phase) phase = at - fault;
  };
  for (const ProbeAnswer& probe : acknowledged) {
    if (probe.epoch <= old.epoch) continue;
    note(phases.first_write, probe.answered);
    note(phases.voted, probe.answered);
    if (probe.region != probe.served_by) note(phases.published, probe.answered);
  }
  for (const GatewaySample& sample : record.samples) {
    if (!sample.answered) continue;
    if (sample.serving && sample.region == old.region && sample.epoch == old.epoch) {
      // As the old primary itself says, or said last; a renewal makes it longer.
      phases.lease_over = std::max(phases.lease_over, sample.at + sample.lease_ms / 1000 - fault);
    }
    if (sample.at < fault) continue;
    const bool hurt = std::ranges::any_of(sample.links, [&](const auto& link) {
      return link.second != "up" &&
             (sample.region == old.region || link.first.rfind(old.region + ".", 0) == 0);
    });
    if (hurt) note(phases.detected, sample.at);
    if (sample.epoch <= old.epoch || sample.primary.empty()) continue;
    if (sample.serving) note(phases.voted, sample.at);
    if (sample.region != sample.primary) note(phases.published, sample.at);
  }
  // These lead to the vote; without one they are of something else.
  if (phases.detected > phases.voted) phases.detected = -1;
  phases.lease_over = std::min(phases.lease_over, phases.voted);  // it may have given it back
  return phases;
}

}  // namespace

void begin_action(DrillRecord& record, const DrillStep& step, double from, double in_force) {
  record.actions.push_back({step_text(step), from, kUntilHealed});
  // A region that is cut off was not so before the last gateway was told; a process that does not
  // run may have ended as soon as the first was.
  if (step.kind == DrillStep::Kind::isolate) {
    record.isolations.push_back({step.region, in_force, kUntilHealed, ""});
  } else if (step.takes_processes() && step.kind != DrillStep::Kind::stop_node &&
             step.kind != DrillStep::Kind::pause_node) {
    record.isolations.push_back({step.region, from, kUntilHealed, step.process});
  }
}

void end_actions(DrillRecord& record, double at) {
  for (DrillAction& action : record.actions) action.until = std::min(action.until, at);
}

void end_isolations(DrillRecord& record, double at) {
  for (Isolation& isolation : record.isolations) isolation.until = std::min(isolation.until, at);
}

std::uint64_t failed_writes(const std::vector<ProbeAnswer>& probes,
                            const std::vector<Isolation>& isolations) {
  return static_cast<std::uint64_t>(std::ranges::count_if(probes, [&](const ProbeAnswer& probe) {
    return !probe.acknowledged() &&
           std::ranges::none_of(isolations, [&](const Isolation& isolation) {
             return isolation.region == probe.region &&
                    (isolation.gateway.empty() || isolation.gateway == probe.gateway) &&
                    probe.answered >= isolation.from && probe.sent <= isolation.until;
           });
  }));
}

DrillVerdict judge_drill(const DrillRecord& record) {
  DrillVerdict verdict;
  const std::vector<ProbeAnswer> acknowledged = by_answer(record);
  verdict.gap = longest_gap(acknowledged, record.length);
  verdict.usual_write = median_write(acknowledged);
  verdict.writes = record.probes.size();
  verdict.failed = failed_writes(record.probes, record.isolations);
  verdict.phases = phases_of(record, acknowledged);
  const auto check = [&](std::string name, std::string expected, std::string actual, bool passed) {
    verdict.checks.push_back({std::move(name), std::move(expected), std::move(actual), passed});
  };
  check("completed", "every step is taken", record.aborted.empty() ? "yes" : record.aborted,
        record.aborted.empty());
  const auto second = second_primary(acknowledged);
  check("one primary", "at most one at any time", second.value_or("so it was"), !second);
  for (const auto& [what, came] : record.awaited) {
    check("primary", what, came ? "so it was" : "it did not come", came);
  }
  const DrillExpectations& expect = record.drill.expect;
  if (expect.gap) {
    check("gap", "at most " + text_of(seconds(*expect.gap)), text_of(verdict.gap),
          verdict.gap <= seconds(*expect.gap));
  }
  if (expect.failed_writes) {
    check("failed writes", "at most " + std::to_string(*expect.failed_writes),
          std::to_string(verdict.failed) + " of " + std::to_string(verdict.writes),
          verdict.failed <= *expect.failed_writes);
  }
  if (expect.minority_refuses) {
    const std::uint64_t taken = taken_in_minority(record);
    check("minority", "takes no writes", std::to_string(taken) + " taken", taken == 0);
  }
  verdict.passed = std::ranges::all_of(verdict.checks, &DrillCheck::passed);
  return verdict;
}

}  // namespace regent
