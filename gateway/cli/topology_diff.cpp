#include <Poco/JSON/Array.h>

#include <cstdio>


#include "gateway/cli/topology_report.h"
#include "gateway/json.h"
#include "quorum/lease.h"
#include "topology/difference.h"
#include "topology/transition.h"

namespace regent::cli {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

// How long everything has to stand still where there is no way around it: until the last promise
// given under the old file has run out.
double pause_seconds(const Topology& before) {
  const Duration promise =
      promise_span(before.timing.lease, DriftBound{before.timing.clock_drift_ppm});
  return std::chrono::duration<double>(promise).count();
}

std::string changes_text(const DiffReport& report) {
  std::string out = "Changes\n";
  for (const std::string& change : report.changes) out += "  " + change + "\n";
  if (report.services_changed) {
    out += "  services or traffic, which no vote depends on: a reload is enough\n";
  }
  return report.changes.empty() && !report.services_changed ? out + "  none\n" : out;
}

std::string steps_text(const DiffReport& report) {
  const std::vector<Topology>& steps = report.transition.steps;
  if (steps.empty()) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f", pause_seconds(report.before));
    return std::string("No sequence of safe steps was found. Stop every process, wait ") +
           seconds + " s (the longest promise), and start them all with the new file.\n";
  }
  std::string out = "Safe steps, each once every process runs the one before it\n";
  const Topology* last = &report.before;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool end = i + 1 == steps.size();
    out += "  " + std::to_string(i + 1) + ". " +
           (end ? "the new file" : "version " + std::to_string(report.before.version + i + 1)) +
           "\n";
    for (const std::string& change : vote_changes(*last, steps[i])) out += "     " + change + "\n";
    last = &steps[i];
  }
  if (steps.size() > 1) {
    out += "  A file in between may survive less than the two ends: see regent topology check.\n";
  }
  const std::uint64_t least = report.before.version + steps.size();
  if (report.after.version < least) {
    out += "  The new file must have version " + std::to_string(least) + " or higher then.\n";
  }
  return out;
}

}  // namespace

DiffReport::DiffReport(const Topology& from, const Topology& to)
    : before(from),
      after(to),
      changes(described_changes(from, to)),
      services_changed(services_differ(from, to)),
      transition(plan_transition(from, to)) {}

std::string diff_text(const DiffReport& report) {
  const Topology& before = report.before;
  const Topology& after = report.after;
  std::string out = before.cluster + " version " + std::to_string(before.version) + " -> " +
                    after.cluster + " version " + std::to_string(after.version) + "\n\n" +
                    changes_text(report) + "\n";
  if (before.hash != after.hash && after.version <= before.version) {
    out += "The version must be raised with every change.\n";
  }
  if (before.quorum_hash == after.quorum_hash) {
    return out + "Nothing that votes depend on has changed.\n";
  }
  const Meeting& meeting = report.transition.meeting;
  if (meeting.always) {
    return out +
           "Safe in one step: every quorum of one meets every quorum of the other.\n"
           "While it is rolled out, old and new votes do not count together, so there may be no "
           "primary\nuntil a quorum runs one of the two.\n";
  }
  out += "Not safe in one step: ";
  if (meeting.exact) {
    out += "these quorums have no node in common, so both could elect a primary\n" +
           titled("old", joined(meeting.old_quorum, " + ")) +
           titled("new", joined(meeting.new_quorum, " + "));
  } else {
    out += "the weights have too many sums to prove that all quorums meet\n";
  }
  return out + "\n" + steps_text(report);
}

Object::Ptr diff_json(const DiffReport& report) {
  const auto file = [](const Topology& topology) {
    Object::Ptr out = ordered_object();
    out->set("version", topology.version);
    out->set("hash", topology.hash);
    out->set("quorum_hash", topology.quorum_hash);
    return out;
  };
  const Meeting& meeting = report.transition.meeting;
  Object::Ptr out = ordered_object();
  out->set("old", file(report.before));
  out->set("new", file(report.after));
  out->set("changes", strings_json(report.changes));
  out->set("services_changed", report.services_changed);
  out->set("safe_in_one_step", meeting.always);
  out->set("exact", meeting.exact);
  if (!meeting.always) {
    Object::Ptr apart = ordered_object();
    apart->set("old", strings_json(meeting.old_quorum));
    apart->set("new", strings_json(meeting.new_quorum));
    out->set("quorums_apart", apart);
  }
  Array::Ptr steps = new Array;
  const Topology* last = &report.before;
  for (const Topology& step : report.transition.steps) {
    steps->add(strings_json(vote_changes(*last, step)));
    last = &step;
  }
  out->set("steps", steps);
  return out;
}

}  // namespace regent::cli
