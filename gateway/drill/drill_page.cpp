#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

#include "gateway/drill/drill_report.h"

// The page: what happened as a picture, a lane for each thing that was watched.
namespace regent {
namespace {

constexpr double kLeft = 150;   // of the lanes' names
constexpr double kWidth = 900;  // of the time line
constexpr double kLane = 22;
constexpr const char* kColours[] = {"#2f6fb7", "#c7682c", "#5b8f3a", "#8a56a8",
                                    "#b0455f", "#3a8f8a", "#8f7a2f"};

constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;"
    "color:#222}table{border-collapse:collapse;margin:1em 0}td,th{padding:.3em .8em;"
    "border-bottom:1px solid #ddd;text-align:left}.good{color:#2c7a2c}.bad{color:#b3261e}"
    "svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif}h1 span{font-size:.7em}";

std::string fixed(double value, int digits = 2) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

class Picture {
 public:
  Picture(double length, std::map<std::string, std::string> colours)
      : length_(std::max(length, 0.001)), colours_(std::move(colours)) {}

  void lane(const std::string& name) {
    top_ += kLane;
    out_ << "<text x=\"0\" y=\"" << fixed(top_ + 14) << "\">" << escaped(name) << "</text>\n";
  }
  void bar(double from, double until, const std::string& colour, const std::string& title) {
    const double x = at(from);
    out_ << "<rect x=\"" << fixed(x) << "\" y=\"" << fixed(top_ + 3) << "\" width=\""
         << fixed(std::max(at(until) - x, 1.0)) << "\" height=\"" << fixed(kLane - 6)
         << "\" fill=\"" << colour << "\"><title>" << escaped(title) << "</title></rect>\n";
  }
  // A line through all lanes, told apart by its title.
  void mark(double when, const std::string& title) { marks_.emplace_back(when, title); }

  std::string colour(const std::string& region) const {
    const auto found = colours_.find(region);
    return found == colours_.end() ? "#999" : found->second;
  }

  std::string finish() {
    const double bottom = top_ + kLane;
    std::ostringstream svg;
    svg << "<svg viewBox=\"0 0 " << fixed(kLeft + kWidth + 10) << " " << fixed(bottom + 24)
        << "\" role=\"img\" aria-label=\"What happened when\">\n"
        << out_.str();
    for (const auto& [when, title] : marks_) {
      svg << "<line x1=\"" << fixed(at(when)) << "\" x2=\"" << fixed(at(when))
          << "\" y1=\"8\" y2=\"" << fixed(bottom)
          << "\" stroke=\"#b3261e\" stroke-dasharray=\"3 3\">"
          << "<title>" << escaped(title) << "</title></line>\n";
    }
    for (int i = 0; i <= 10; ++i) {
      const double when = length_ * i / 10;
      svg << "<text x=\"" << fixed(at(when)) << "\" y=\"" << fixed(bottom + 18)
          << "\" text-anchor=\"middle\">" << fixed(when, 1) << " s</text>\n";
    }
    svg << "</svg>\n";
    return svg.str();
  }

 private:
  double at(double when) const { return kLeft + kWidth * std::clamp(when / length_, 0.0, 1.0); }

  const double length_;
  const std::map<std::string, std::string> colours_;
  double top_ = 0;
  std::ostringstream out_;
  std::vector<std::pair<double, std::string>> marks_;
};

std::map<std::string, std::string> colours_of(const DrillRecord& record) {
  std::map<std::string, std::string> colours;
  for (const GatewaySample& sample : record.samples) {
    if (colours.count(sample.region) > 0) continue;
    colours.emplace(sample.region, kColours[colours.size() % std::size(kColours)]);
  }
  return colours;
}

// A lane a gateway, made of its samples: from each to the next one.
template <typename Draw>
void draw_lanes(Picture& picture, const DrillRecord& record, const std::string& what,
                const Draw& draw) {
  std::map<std::string, std::vector<const GatewaySample*>> by_gateway;
  for (const GatewaySample& sample : record.samples) {
    by_gateway[sample.region + "." + sample.gateway].push_back(&sample);
  }
  for (const auto& [gateway, samples] : by_gateway) {
    picture.lane(gateway + " " + what);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double until = i + 1 < samples.size() ? samples[i + 1]->at : record.length;
      draw(*samples[i], until);
    }
  }
}

std::string sums(const GatewaySample& sample) {
  return "quorum " + std::to_string(sample.weight) + " present, " + std::to_string(sample.needed) +
         " needed, margin " + std::to_string(sample.margin);
}

std::string timeline(const DrillRecord& record) {
  Picture picture(record.length, colours_of(record));
  draw_lanes(picture, record, "primary", [&](const GatewaySample& sample, double until) {
    if (!sample.answered || sample.primary.empty()) return;
    picture.bar(sample.at, until, picture.colour(sample.primary),
                sample.primary + ", epoch " + std::to_string(sample.epoch) + ", lease " +
                    fixed(sample.lease_ms, 0) + " ms left, " + sums(sample));
  });
  draw_lanes(picture, record, "links", [&](const GatewaySample& sample, double until) {
    std::string broken;
    for (const auto& [to, state] : sample.links) {
      if (state != "up") broken += (broken.empty() ? "" : ", ") + to + " " + state;
    }
    const bool whole = sample.answered && broken.empty();
    picture.bar(sample.at, until, whole ? "#cfe3cf" : "#e0a9a4",
                !sample.answered ? "no answer"
                : whole          ? "all up, " + sums(sample)
                                 : broken + ", " + sums(sample));
  });
  std::set<std::string> gateways;
  for (const ProbeAnswer& probe : record.probes)
    gateways.insert(probe.region + "." + probe.gateway);
  for (const std::string& gateway : gateways) {
    picture.lane(gateway + " writes");
    for (const ProbeAnswer& probe : record.probes) {
      if (probe.region + "." + probe.gateway != gateway) continue;
      const bool good = probe.acknowledged();
      picture.bar(probe.sent, probe.answered, good ? picture.colour(probe.served_by) : "#b3261e",
                  good ? "taken by " + probe.served_by + ", epoch " + std::to_string(probe.epoch)
                       : "answered " + std::to_string(probe.code));
    }
  }
  for (const DrillEvent& event : record.events) {
    if (event.kind != DrillEvent::Kind::note) picture.mark(event.at, event.text);
  }
  for (const Isolation& isolation : record.isolations) {
    picture.lane("faults");
    picture.bar(isolation.from, isolation.until, "#888", isolation.region + " is cut off");
  }
  return picture.finish();
}

void write_checks(std::ostringstream& out, const DrillVerdict& verdict) {
  out << "<table><tr><th>check</th><th>target</th><th>actual</th><th></th></tr>\n";
  for (const DrillCheck& check : verdict.checks) {
    out << "<tr><td>" << escaped(check.name) << "</td><td>" << escaped(check.expected)
        << "</td><td>" << escaped(check.actual) << "</td><td class=\""
        << (check.passed ? "good\">passed" : "bad\">failed") << "</td></tr>\n";
  }
  out << "</table>\n";
}

void write_phases(std::ostringstream& out, const DrillPhases& phases) {
  out << "<h2>Phases of the failover</h2>\n<table><tr><th>phase</th><th>after the first step</th>"
         "</tr>\n";
  for (const auto& [name, value] :
       {std::pair("a link was seen down", phases.detected),
        std::pair("the lease ran out: no primary known", phases.lease_over),
        std::pair("the vote: a new primary was known", phases.voted),
        std::pair("the first write under the new epoch", phases.first_write)}) {
    out << "<tr><td>" << name << "</td><td>" << (value < 0 ? "not seen" : fixed(value) + " s")
        << "</td></tr>\n";
  }
  out << "</table>\n";
}

void write_earlier(std::ostringstream& out, const std::vector<EarlierRun>& earlier) {
  if (earlier.empty()) return;
  out << "<h2>Earlier runs</h2>\n<table><tr><th>run</th><th>verdict</th><th>gap</th><th>failed "
         "writes</th></tr>\n";
  for (const EarlierRun& run : earlier) {
    out << "<tr><td>" << escaped(run.id) << "</td><td class=\""
        << (run.passed ? "good\">passed" : "bad\">failed") << "</td><td>" << fixed(run.gap)
        << " s</td><td>" << run.failed << "</td></tr>\n";
  }
  out << "</table>\n";
}

}  // namespace

std::string report_page(const DrillRecord& record, const DrillVerdict& verdict,
                        const std::vector<EarlierRun>& earlier) {
  std::ostringstream out;
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Drill "
      << escaped(record.drill.name) << "</title><style>" << kStyle << "</style></head><body>\n<h1>"
      << escaped(record.drill.name) << ": <span class=\""
      << (verdict.passed ? "good\">passed" : "bad\">failed") << "</span></h1>\n<p>"
      << escaped(record.drill.about) << "</p>\n<p>Cluster " << escaped(record.cluster) << ", "
      << escaped(record.started) << ", " << fixed(record.length, 1)
      << " s. Longest time without an acknowledged write: " << fixed(verdict.gap) << " s. "
      << verdict.failed << " of " << verdict.writes << " writes failed.</p>\n";
  if (!record.aborted.empty()) {
    out << "<p class=\"bad\">Aborted: " << escaped(record.aborted) << "</p>\n";
  }
  write_checks(out, verdict);
  out << "<h2>What happened</h2>\n<p>Colours are regions: ";
  for (const auto& [region, colour] : colours_of(record)) {
    out << "<span style=\"color:" << colour << "\">&#9632; " << escaped(region) << "</span> ";
  }
  out << "Dashed lines are the drill's steps.</p>\n" << timeline(record);
  write_phases(out, verdict.phases);
  write_earlier(out, earlier);
  out << "<h2>Log</h2>\n<table>\n";
  for (const DrillEvent& event : record.events) {
    out << "<tr><td>" << fixed(event.at) << " s</td><td"
        << (event.kind == DrillEvent::Kind::trouble ? " class=\"bad\"" : "") << ">"
        << escaped(event.text) << "</td></tr>\n";
  }
  out << "</table>\n</body></html>\n";
  return out.str();
}

}  // namespace regent
