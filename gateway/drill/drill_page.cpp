// The page: the verdict first, then what happened as a picture, and everything in it in words.

#include <algorithm>
#include <cctype>
#include <sstream>

#include "gateway/drill/drill_picture.h"
#include "gateway/drill/drill_report.h"
#include "gateway/drill/page_style.h"

namespace regent {
namespace {

constexpr std::size_t kMaxSumsRows = 200;
constexpr std::size_t kBars = 24;         // of a histogram
constexpr double kHistogram = 90;         // its height

using Out = std::ostringstream;

// Escaped, with numbers and their units on one line.
std::string tied(const std::string& text) {
  std::string out = escaped(text);
  for (std::size_t at = 0; (at = out.find(' ', at)) != std::string::npos; ++at) {
    const bool unit = out.compare(at, 3, " ms") == 0 || out.compare(at, 2, " s") == 0;
    const bool whole = at + 2 >= out.size() || !std::isalpha(static_cast<unsigned char>(
                                                   out[out[at + 1] == 'm' ? at + 3 : at + 2]));
    if (at > 0 && std::isdigit(static_cast<unsigned char>(out[at - 1])) && unit && whole) {
      out.replace(at, 1, "&nbsp;");
    }
  }
  return out;
}

std::string passed(bool so) {
  return so ? "<td class=\"good\">passed</td>" : "<td class=\"bad\">failed</td>";
}

// A table in a box of its own, which may be wider than the window.
void begin_table(Out& out, const std::string& caption, const std::vector<std::string>& heads) {
  out << "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" << escaped(caption)
      << "\"><table><caption>" << escaped(caption) << "</caption><thead><tr>";
  for (const std::string& head : heads) out << "<th scope=\"col\">" << escaped(head) << "</th>";
  out << "</tr></thead><tbody>\n";
}

void end_table(Out& out) {
  out << "</tbody></table></div>\n";
}

void write_checks(Out& out, const DrillVerdict& verdict) {
  out << "<h2>Target and actual</h2>\n";
  begin_table(out, "What was expected", {"expectation", "target", "actual", "verdict"});
  for (const DrillCheck& check : verdict.checks) {
    out << "<tr><th scope=\"row\">" << escaped(check.name) << "</th><td>"
        << tied(check.expected) << "</td><td>" << tied(check.actual) << "</td>"
        << passed(check.passed) << "</tr>\n";
  }
  end_table(out);
}

void write_key(Out& out, const std::string& style, const std::string& text) {
  out << "<li><svg width=\"14\" height=\"14\" aria-hidden=\"true\"><rect class=\"" << style
      << "\" width=\"14\" height=\"14\"/></svg> " << escaped(text) << "</li>\n";
}

void write_picture(Out& out, const DrillRecord& record) {
  out << "<h2>What happened</h2>\n<ul class=\"key\">\n";
  for (const auto& [region, style] : region_styles(record)) write_key(out, style, region);
  write_key(out, "fault", "done by the drill");
  write_key(out, "won", "up, won");
  write_key(out, "hurt", "refused, slow, one-way");
  write_key(out, "unknown", "unknown outcome");
  write_key(out, "failed", "no answer, down, not won");
  write_key(out, "unseen", "gateway silent");
  out << "</ul>\n<p class=\"note\">A primary and the writes it took have the colour of its region; "
         "pale writes waited for a primary. Dashed lines show when the drill began or ended "
         "something.</p>\n<figure>\n"
      << drill_timeline(record) << "</figure>\n";
}

void write_reigns(Out& out, const DrillRecord& record) {
  const std::vector<ReignSpan> all = reigns(record);
  if (all.empty()) return;
  begin_table(out, "Who was primary", {"region", "epoch", "from", "until"});
  for (const ReignSpan& reign : all) {
    out << "<tr><th scope=\"row\">" << escaped(reign.region) << "</th><td class=\"n\">"
        << reign.epoch << "</td><td class=\"n\">" << seconds_text(reign.from)
        << "</td><td class=\"n\">" << seconds_text(reign.until) << "</td></tr>\n";
  }
  end_table(out);
}

void write_actions(Out& out, const DrillRecord& record) {
  if (record.actions.empty()) return;
  begin_table(out, "What the drill did", {"action", "from", "until", "length"});
  for (const DrillAction& action : record.actions) {
    out << "<tr><th scope=\"row\">" << escaped(action.text) << "</th><td class=\"n\">"
        << seconds_text(action.from) << "</td><td class=\"n\">" << seconds_text(action.until)
        << "</td><td class=\"n\">" << seconds_text(action.until - action.from) << "</td></tr>\n";
  }
  end_table(out);
}

void write_phases(Out& out, const DrillPhases& phases) {
  out << "<h2>Phases of the failover</h2>\n";
  if (phases.first_write < 0 && phases.voted < 0) {
    out << "<p>There was no failover.</p>\n";
    return;
  }
  out << "<p class=\"note\">Seconds since the drill began to act. All but the first write are seen "
         "by asking the gateways, so they may be a moment late.</p>\n";
  const auto rows = named_phases(phases);
  double end = 0.001;
  for (const auto& [name, at] : rows) end = std::max(end, at);
  begin_table(out, "Phases", {"phase", "at", "took", "since the beginning"});
  double last = 0;
  for (const auto& [name, at] : rows) {
    out << "<tr><th scope=\"row\">" << name << "</th>";
    if (at < 0) {
      out << "<td colspan=\"3\">not seen</td></tr>\n";
      continue;
    }
    const double from = std::min(last, at);
    last = std::max(last, at);
    out << "<td class=\"n\">" << seconds_text(at) << "</td><td class=\"n\">"
        << seconds_text(at - from) << "</td><td class=\"bars\"><svg width=\"100%\" height=\"14\" "
        << "aria-hidden=\"true\"><rect class=\"track\" width=\"100%\" height=\"14\"/>"
        << "<rect class=\"phase\" x=\"" << fixed(99 * from / end) << "%\" width=\""
        << fixed(99 * (at - from) / end + 1) << "%\" height=\"14\"/></svg></td></tr>\n";
  }
  end_table(out);
}

void write_sums(Out& out, const DrillRecord& record) {
  const std::vector<SumsRow> rows = sums_rows(record);
  if (rows.empty()) return;
  out << "<h2>Quorum arithmetic</h2>\n<p class=\"note\">A region counts with its weight when the "
         "nodes of it that answer weigh as much as it needs. One row for each change.</p>\n";
  begin_table(out, "Sums at each change",
              {"time", "seen by", "regions", "present", "needed", "margin", "quorum"});
  for (std::size_t i = 0; i < std::min(rows.size(), kMaxSumsRows); ++i) {
    const GatewaySample& sample = *rows[i].sample;
    out << "<tr><td class=\"n\">" << seconds_text(rows[i].at) << "</td><td>"
        << escaped(rows[i].seen_by) << "</td>";
    if (!sample.answered) {
      out << "<td colspan=\"5\">no answer</td></tr>\n";
      continue;
    }
    out << "<td>";
    for (const RegionSum& sum : sample.sums) {
      out << "<span class=\"sum" << (sum.won ? "" : " bad") << "\">" << escaped(sum.region) << " "
          << sum.present << "/" << sum.total << " (needs " << sum.needed << "): "
          << (sum.won ? "+" + std::to_string(sum.weight) : "0") << "</span> ";
    }
    out << "</td><td class=\"n\">" << sample.weight << " of " << sample.total
        << "</td><td class=\"n\">" << sample.needed << "</td><td class=\"n\">" << sample.margin
        << (sample.won ? "</td><td class=\"good\">won" : "</td><td class=\"bad\">not won")
        << "</td></tr>\n";
  }
  end_table(out);
  if (rows.size() > kMaxSumsRows) {
    out << "<p>And " << rows.size() - kMaxSumsRows << " changes more.</p>\n";
  }
}

void write_histogram(Out& out, const std::string& figure, const Spread& spread,
                     std::optional<double> live) {
  if (spread.empty()) return;
  const double low = std::min(spread.min(), live.value_or(spread.min()));
  const double high = std::max(spread.max(), live.value_or(spread.max()));
  const double width = std::max(high - low, 0.001);
  const auto percent = [&](double value) { return 1 + 98 * (value - low) / width; };
  const std::vector<std::size_t> parts = spread.histogram(kBars);
  const double most = static_cast<double>(std::ranges::max(parts));
  const double part = (spread.max() - spread.min()) / kBars;
  out << "<figure>\n<svg width=\"100%\" height=\"" << fixed(kHistogram + 22) << "\" role=\"img\">"
      << "<title>" << escaped(figure) << " of " << spread.count() << " rehearsals</title><desc>"
      << "From " << seconds_text(spread.min()) << " to " << seconds_text(spread.max())
      << (live ? "; this run: " + seconds_text(*live) : "") << "</desc>\n";
  for (std::size_t i = 0; i < kBars; ++i) {
    const double height = kHistogram * static_cast<double>(parts[i]) / most;
    const double x = percent(spread.min() + static_cast<double>(i) * part);
    out << "<rect class=\"phase\" x=\"" << fixed(x) << "%\" width=\""
        << fixed(std::max(0.3, 98 * part / width - 0.2)) << "%\" y=\"" << fixed(kHistogram - height)
        << "\" height=\"" << fixed(height) << "\"/>\n";
  }
  if (live) {
    const std::string x = fixed(percent(*live)) + "%";
    out << "<line class=\"live\" x1=\"" << x << "\" x2=\"" << x << "\" y1=\"0\" y2=\""
        << fixed(kHistogram) << "\"/>\n";
  }
  out << "<text class=\"tick\" x=\"1%\" y=\"" << fixed(kHistogram + 16) << "\">"
      << seconds_text(low) << "</text><text class=\"tick\" x=\"99%\" text-anchor=\"end\" y=\""
      << fixed(kHistogram + 16) << "\">" << seconds_text(high) << "</text></svg>\n<figcaption>"
      << escaped(figure) << (live ? "; the line is this run" : "") << "</figcaption></figure>\n";
}

void write_rehearsed(Out& out, const DrillReport& report) {
  if (!report.rehearsed) return;
  const RehearsedFigures& figures = *report.rehearsed;
  out << "<h2>Beside " << figures.runs << " rehearsals</h2>\n<p class=\"note\">The same drill in "
      << "simulated time; round trips: " << escaped(figures.round_trips) << ". "
      << (figures.failed.empty() ? "All passed." : std::to_string(figures.failed.size()) +
                                                       " of them failed.")
      << "</p>\n<ul>\n";
  const std::vector<Placement> placed = place_figures(report.verdict, figures);
  for (const Placement& placement : placed) {
    out << "<li" << (placement.inside ? "" : " class=\"bad\"") << ">"
        << tied(placement.figure + ": " + placement.text) << "</li>\n";
  }
  out << "</ul>\n";
  write_histogram(out, placed[0].figure, figures.failover, placed[0].live);
  write_histogram(out, placed[1].figure, figures.gap, placed[1].live);
}

// The last runs and this one.
void write_earlier(Out& out, const DrillReport& report) {
  if (report.earlier.empty()) return;
  std::vector<EarlierRun> runs = report.earlier;
  const DrillRecord& record = report.record;
  runs.push_back({record.id, record.started, report.verdict.passed, report.verdict.gap,
                  report.verdict.phases.first_write, report.verdict.failed});
  out << "<h2>Earlier runs</h2>\n";
  double most = 0.001;
  for (const EarlierRun& run : runs) most = std::max({most, run.gap, run.failover});
  begin_table(out, "Runs of this drill, the last one is this",
              {"run", "verdict", "failover", "longest time without a write", "failed writes",
               "trend"});
  for (const EarlierRun& run : runs) {
    const double shown = std::max(run.failover, run.gap);
    out << "<tr><th scope=\"row\">" << escaped(run.started.empty() ? run.id : run.started)
        << (run.id == record.id ? " (this run)" : "") << "</th>" << passed(run.passed)
        << "<td class=\"n\">" << (run.failover < 0 ? "none" : seconds_text(run.failover))
        << "</td><td class=\"n\">" << seconds_text(run.gap) << "</td><td class=\"n\">"
        << run.failed << "</td><td class=\"bars\"><svg width=\"100%\" height=\"14\" "
        << "aria-hidden=\"true\"><rect class=\"" << (run.passed ? "phase" : "down")
        << "\" width=\"" << fixed(100 * shown / most) << "%\" height=\"14\"/></svg></td></tr>\n";
  }
  end_table(out);
}

void write_log(Out& out, const DrillRecord& record) {
  out << "<h2>Log</h2>\n";
  begin_table(out, "What the drill said", {"time", "event"});
  for (const DrillEvent& event : record.events) {
    out << "<tr><td class=\"n\">" << seconds_text(event.at) << "</td><td"
        << (event.kind == DrillEvent::Kind::trouble ? "><span class=\"bad\">" : "><span>")
        << tied(event.text) << "</span></td></tr>\n";
  }
  end_table(out);
}

}  // namespace

std::string report_page(const DrillReport& report) {
  const DrillRecord& record = report.record;
  Out out;
  // Even if something were not escaped, nothing would be run or fetched.
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      << "style-src 'unsafe-inline'\"><title>Drill " << escaped(record.drill.name) << ": "
      << (report.verdict.passed ? "passed" : "failed") << "</title><style>" << kPageStyle
      << "</style></head><body>\n<header><p class=\"note\">Drill</p><h1>"
      << escaped(record.drill.name) << "</h1>\n<p class=\"verdict "
      << (report.verdict.passed ? "good" : "bad") << "\">" << tied(verdict_sentence(report))
      << "</p>\n<p>" << escaped(record.drill.about) << "</p>\n<p class=\"note\">Cluster "
      << escaped(record.cluster) << ", " << escaped(record.started) << ", took "
      << seconds_text(record.length) << ", " << escaped(record.id) << "</p></header>\n<main>\n";
  write_checks(out, report.verdict);
  write_picture(out, record);
  write_phases(out, report.verdict.phases);
  write_reigns(out, record);
  write_actions(out, record);
  write_sums(out, record);
  write_rehearsed(out, report);
  write_earlier(out, report);
  write_log(out, record);
  out << "</main></body></html>\n";
  return out.str();
}

}  // namespace regent
