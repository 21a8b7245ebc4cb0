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
  double last = 0;
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

DrillPhases phases_of(const DrillRecord& record, const std::vector<ProbeAnswer>& acknowledged) {
  DrillPhases phases;
  const auto first_step =
      std::ranges::find(record.events, DrillEvent::Kind::step, &DrillEvent::kind);
  if (acknowledged.empty() || first_step == record.events.end()) return phases;
  const double fault = first_step->at;
  std::string old;
  std::uint64_t old_epoch = 0;
  for (const ProbeAnswer& probe : acknowledged) {
    if (probe.answered > fault) break;
    old = probe.served_by;
    old_epoch = probe.epoch;
  }
  const auto note = [&](double& phase, double at) {
    if (phase < 0 || at - fault < phase) phase = at - fault;
  };
  for (const GatewaySample& sample : record.samples) {
    if (sample.at < fault || !sample.answered) continue;
    const bool down = std::ranges::any_of(sample.links, [&](const auto& link) {
      return link.second != "up" && (sample.region == old || link.first.rfind(old + ".", 0) == 0);
    });
    if (down) note(phases.detected, sample.at);
    if (sample.primary.empty()) note(phases.lease_over, sample.at);
    if (sample.epoch > old_epoch && !sample.primary.empty()) note(phases.voted, sample.at);
  }
  for (const ProbeAnswer& probe : acknowledged) {
    if (probe.epoch > old_epoch) note(phases.first_write, probe.answered);
  }
  return phases;
}

}  // namespace

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
