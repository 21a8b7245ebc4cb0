#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/drill/drill_record.h"

// A drill's report, for programs, for test runners, and for people. Pure.
namespace regent {

// What is kept of an earlier run, for comparison.
struct EarlierRun {
  std::string id;
  bool passed = false;
  double gap = 0;
  std::uint64_t failed = 0;
};

std::string report_json(const DrillRecord& record, const DrillVerdict& verdict);
// One test suite, a test case for each check.
std::string report_junit(const DrillRecord& record, const DrillVerdict& verdict);
// One HTML page that needs nothing else: no script, no font, no picture from elsewhere.
std::string report_page(const DrillRecord& record, const DrillVerdict& verdict,
                        const std::vector<EarlierRun>& earlier);

// What report_json() says of a run; nullopt for another drill's, or no report at all.
std::optional<EarlierRun> earlier_run(const std::string& json, const std::string& drill);

// For the terminal.
std::string verdict_text(const DrillRecord& record, const DrillVerdict& verdict);

// Text as it may stand in XML and HTML.
std::string escaped(const std::string& text);

}  // namespace regent
