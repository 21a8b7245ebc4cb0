#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/drill/drill_record.h"
#include "gateway/drill/rehearsed_figures.h"

// A drill's report, for programs, for test runners, and for people. Pure.
namespace regent {

// What is kept of an earlier run, for comparison.
struct EarlierRun {
  std::string id;
  std::string started;
  bool passed = false;
  double gap = 0;
  double failover = -1;  // negative: there was none
  std::uint64_t failed = 0;
};

struct DrillReport {
  DrillRecord record;
  DrillVerdict verdict;
  std::vector<EarlierRun> earlier{};             // of the same drill, oldest first
  std::optional<RehearsedFigures> rehearsed{};   // of the same drill, with this cluster's distances
};

std::string report_json(const DrillReport& report);
// One test suite, a test case for each check. Follows the schemas of Jenkins and of Ant.
std::string report_junit(const DrillReport& report);
// One HTML page that needs nothing else: no script, no font, no picture from elsewhere.
std::string report_page(const DrillReport& report);

// What report_json() says of a run; nullopt for another drill's, or no report at all.
std::optional<EarlierRun> earlier_run(const std::string& json, const std::string& drill);

// What `drill rehearse --json` prints.
std::string rehearsal_json(const RehearsedFigures& figures);

// What came out, in one sentence.
std::string verdict_sentence(const DrillReport& report);
// For the terminal: every check, the phases of the failover, how near the quorum came to its end,
// where the figures lie, and the verdict.
std::string verdict_text(const DrillReport& report);
// The same from report_json(), below a line that says which run it was; nullopt: it is no report.
std::optional<std::string> kept_text(const std::string& json);

// What the phases are called, and their times, in their order.
std::vector<std::pair<std::string, double>> named_phases(const DrillPhases& phases);

// Text as it may stand in XML and HTML, also within quotes; what is no UTF-8 is replaced.
std::string escaped(const std::string& text);

// "1.31 s"
std::string seconds_text(double value);

}  // namespace regent
