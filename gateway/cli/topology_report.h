#pragma once

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "topology/availability.h"
#include "topology/flaws.h"
#include "topology/load.h"
#include "topology/power.h"
#include "topology/survival.h"
#include "topology/timing_advice.h"
#include "topology/transition.h"

// What `regent topology check`, `explain` and `diff` say of files that are valid, for people and
// for programs. Pure.
namespace regent::cli {

struct CheckReport {
  CheckReport(const LoadedTopology& loaded, const Failures& failures, const RoundTrips& trips);

  const LoadedTopology& loaded;  // must outlive the report
  Survival survival;
  std::vector<Flaw> flaws;
  Power power;
  Failures failures;
  Unavailability unavailability;
  Unavailability as_plain_majority;  // of the same nodes
  bool round_trips_given;
  TimingAdvice timing;

  const Topology& topology() const { return loaded.topology; }
};

std::string check_text(const CheckReport& report);
Poco::JSON::Object::Ptr check_json(const CheckReport& report);

// Warnings or errors of a file: line, column, path, text.
Poco::JSON::Array::Ptr findings_json(const std::vector<Finding>& findings);

// The parts of the text on availability and timing.
std::string availability_text(const CheckReport& report);
std::string timing_text(const CheckReport& report);

// What is left when these nodes do not answer: won or lost with the sums at each level, who would
// become primary, and what more may be lost. The object is that of /v1/status under `quorum`, and
// after it `primary`, `missing` and `may_lose`.
std::string explain_text(const Topology& topology, const std::vector<NodeId>& down);
Poco::JSON::Object::Ptr explain_json(const Topology& topology, const std::vector<NodeId>& down);
// Who stands first of those who may lead with a quorum; kNoRegion: nobody.
RegionId primary_without(const Topology& topology, const Turnout& turnout);

// What `regent topology diff` says of two valid files, which must outlive it.
struct DiffReport {
  DiffReport(const Topology& before, const Topology& after);

  const Topology& before;
  const Topology& after;
  std::vector<std::string> changes;  // "timing.lease: 1500ms -> 2000ms"
  bool services_changed;
  Transition transition;
};
std::string diff_text(const DiffReport& report);
Poco::JSON::Object::Ptr diff_json(const DiffReport& report);

// "2 regions: eu + us-east; eu + us-west", or the first of many and how many there are.
std::string sets_text(const NamedSets& sets, const std::string& noun);
Poco::JSON::Object::Ptr sets_json(const NamedSets& sets);
std::string joined(const std::vector<std::string>& words, const std::string& between);

// "  title                   text" and a line break.
std::string titled(const std::string& title, const std::string& text);
// `text` filled up with spaces to `width`, and at least one.
std::string column(std::string text, std::size_t width);
// `done` parts of `all` as a bar of at most `width` characters; one at least where done is not 0.
std::string bar(std::uint64_t done, std::uint64_t all, std::size_t width);

}  // namespace regent::cli
