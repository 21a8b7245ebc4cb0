#include "gateway/drill/drill_report.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

namespace regent {
namespace {

// The length of the UTF-8 sequence that begins there; 0: it is none.
std::size_t sequence_length(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// "2026-11-26 10:15:00 UTC" as XML schemas want it.
std::string timestamp(const std::string& started) {
  std::string text = started.substr(0, 19);
  if (text.size() == 19) text[10] = 'T';
  return text.size() == 19 ? text : "1970-01-01T00:00:00";
}

std::string millis(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", seconds);
  return text;
}

std::string plural(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Who took the last write, when it is not who took the first one.
std::string successor(const DrillRecord& record) {
  const ProbeAnswer* first = nullptr;
  const ProbeAnswer* next = nullptr;
  for (const ProbeAnswer& probe : record.probes) {
    if (!probe.acknowledged()) continue;
    if (first == nullptr || probe.answered < first->answered) first = &probe;
  }
  if (first == nullptr) return "";
  for (const ProbeAnswer& probe : record.probes) {
    if (!probe.acknowledged() || probe.epoch <= first->epoch) continue;
    if (next == nullptr || probe.epoch < next->epoch) next = &probe;
  }
  return next == nullptr ? "" : next->served_by;
}

std::string phases_text(const DrillPhases& phases) {
  if (phases.first_write < 0 && phases.voted < 0) return "  phases: there was no failover\n";
  std::string text = "  phases of the failover, since the drill began to act:\n";
  for (const auto& [name, at] : named_phases(phases)) {
    text += "    " + name + std::string(32 - name.size(), ' ') +
            (at < 0 ? "not seen" : seconds_text(at)) + "\n";
  }
  return text;
}

// The least that a quorum had to spare, and who had none for a while. A gateway that the drill cuts
// off from all others has none, as it should.
std::string margins_text(const std::vector<GatewaySample>& samples) {
  const GatewaySample* least = nullptr;
  std::set<std::string> without;
  for (const GatewaySample& sample : samples) {
    if (!sample.answered) continue;
    if (!sample.won) {
      without.insert(sample.region + "." + sample.gateway);
    } else if (least == nullptr || sample.margin < least->margin) {
      least = &sample;
    }
  }
  std::string text;
  if (least != nullptr) {
    text = "at least " + std::to_string(least->margin) + " to spare (" + least->region + "." +
           least->gateway + ", " + seconds_text(least->at) + ")";
  }
  for (const std::string& name : without) {
    const bool first = name == *without.begin();
    text += !first ? ", " : text.empty() ? "none at " : "; none for a while at ";
    text += name;
  }
  return text.empty() ? "" : "  quorum: " + text + "\n";
}

}  // namespace

std::vector<std::pair<std::string, double>> named_phases(const DrillPhases& phases) {
  return {{"detect: a link is not up", phases.detected},
          {"lease runs out", phases.lease_over},
          {"vote: the next primary leads", phases.voted},
          {"publish: others know it", phases.published},
          {"first write", phases.first_write}};
}

std::string seconds_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", value);
  return text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    const char c = text[i];
    if (length == 0) {
      out += "?";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (length == 1 && static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
      out += ' ';  // XML has no way to write the other control characters
    } else {
      out.append(text, i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string report_junit(const DrillReport& report) {
  const DrillRecord& record = report.record;
  const auto failures = static_cast<std::size_t>(std::ranges::count_if(
      report.verdict.checks, [](const DrillCheck& check) { return !check.passed; }));
  const std::string counts = " tests=\"" + std::to_string(report.verdict.checks.size()) +
                             "\" failures=\"" + std::to_string(failures) +
                             "\" errors=\"0\" time=\"" + millis(record.length) + "\"";
  std::ostringstream out;
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" << counts
      << ">\n<testsuite name=\"" << escaped(record.drill.name) << "\"" << counts
      << " timestamp=\"" << timestamp(record.started) << "\" hostname=\""
      << escaped(record.cluster) << "\" skipped=\"0\">\n<properties>\n<property name=\"id\" "
      << "value=\"" << escaped(record.id) << "\"/>\n</properties>\n";
  for (const DrillCheck& check : report.verdict.checks) {
    out << "  <testcase classname=\"drill." << escaped(record.drill.name) << "\" name=\""
        << escaped(check.name + ": " + check.expected) << "\" time=\"0\"";
    if (check.passed) {
      out << "/>\n";
    } else {
      out << ">\n    <failure type=\"expectation\" message=\"" << escaped(check.actual) << "\">"
          << escaped("expected " + check.name + ": " + check.expected) << "</failure>\n"
          << "  </testcase>\n";
    }
  }
  out << "<system-out>" << escaped(verdict_text(report)) << "</system-out>\n<system-err>"
      << "</system-err>\n</testsuite>\n</testsuites>\n";
  return out.str();
}

std::string verdict_sentence(const DrillReport& report) {
  const DrillRecord& record = report.record;
  const DrillVerdict& verdict = report.verdict;
  const auto met = std::ranges::count_if(verdict.checks, &DrillCheck::passed);
  const std::string of = std::to_string(met) + " of " +
                         plural(verdict.checks.size(), "expectation");
  if (!record.aborted.empty()) return "Aborted: " + record.aborted + ".";
  if (!verdict.passed) return "Failed: " + failures_text(verdict) + " (" + of + " met).";
  std::string text = "Passed: ";
  if (verdict.phases.first_write >= 0) {
    text += successor(record) + " took writes " + seconds_text(verdict.phases.first_write) +
            " after the drill began to act, ";
  } else {
    text += "the primary stayed, ";
  }
  text += "writes stopped for at most " + seconds_text(verdict.gap) + ", and ";
  text += verdict.failed == 0 ? "none" : std::to_string(verdict.failed);
  return text + " of " + plural(verdict.writes, "write") + " failed; all " +
         plural(verdict.checks.size(), "expectation") + " were met.";
}

std::string verdict_text(const DrillReport& report) {
  std::ostringstream out;
  for (const DrillCheck& check : report.verdict.checks) {
    out << (check.passed ? "  passed  " : "  FAILED  ") << check.name << ": " << check.expected
        << ": " << check.actual << "\n";
  }
  out << phases_text(report.verdict.phases) << margins_text(report.record.samples);
  if (report.rehearsed) {
    for (const Placement& placement : place_figures(report.verdict, *report.rehearsed)) {
      out << "  " << placement.figure << ": " << placement.text << "\n";
    }
  }
  out << "drill " << report.record.drill.name << (report.verdict.passed ? " passed" : " FAILED")
      << ": longest time without an acknowledged write " << seconds_text(report.verdict.gap) << ", "
      << report.verdict.failed << " of " << report.verdict.writes << " writes failed\n";
  return out.str();
}

}  // namespace regent
