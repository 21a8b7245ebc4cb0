// The report for programs.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <cmath>

#include "gateway/drill/drill_report.h"
#include "gateway/json.h"

namespace regent {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

// Negative: null.
Poco::Dynamic::Var seen(double seconds) {
  return seconds < 0 ? Poco::Dynamic::Var() : Poco::Dynamic::Var(rounded(seconds));
}

Array::Ptr checks_json(const DrillVerdict& verdict) {
  Array::Ptr array = new Array;
  for (const DrillCheck& check : verdict.checks) {
    auto out = ordered_object();
    out->set("name", check.name);
    out->set("expected", check.expected);
    out->set("actual", check.actual);
    out->set("passed", check.passed);
    array->add(out);
  }
  return array;
}

Object::Ptr phases_json(const DrillPhases& phases) {
  auto out = ordered_object();
  out->set("detected_s", seen(phases.detected));
  out->set("lease_over_s", seen(phases.lease_over));
  out->set("voted_s", seen(phases.voted));
  out->set("published_s", seen(phases.published));
  out->set("first_write_s", seen(phases.first_write));
  return out;
}

Array::Ptr events_json(const DrillRecord& record) {
  static constexpr const char* kKinds[] = {"step", "note", "trouble"};
  Array::Ptr array = new Array;
  for (const DrillEvent& event : record.events) {
    auto out = ordered_object();
    out->set("at_s", rounded(event.at));
    out->set("kind", std::string(kKinds[static_cast<std::size_t>(event.kind)]));
    out->set("text", event.text);
    array->add(out);
  }
  return array;
}

Array::Ptr actions_json(const DrillRecord& record) {
  Array::Ptr array = new Array;
  for (const DrillAction& action : record.actions) {
    auto out = ordered_object();
    out->set("text", action.text);
    out->set("from_s", rounded(action.from));
    out->set("until_s", rounded(action.until));
    array->add(out);
  }
  return array;
}

Array::Ptr probes_json(const DrillRecord& record) {
  static constexpr const char* kOutcomes[] = {"taken", "refused", "unknown", "failed"};
  Array::Ptr array = new Array;
  for (const ProbeAnswer& probe : record.probes) {
    auto out = ordered_object();
    out->set("sent_s", rounded(probe.sent));
    out->set("answered_s", rounded(probe.answered));
    out->set("via", probe.region + "." + probe.gateway);
    out->set("outcome", std::string(kOutcomes[static_cast<std::size_t>(probe.outcome())]));
    out->set("code", probe.code);
    out->set("region", probe.served_by);
    out->set("epoch", probe.epoch);
    array->add(out);
  }
  return array;
}

Object::Ptr quorum_json(const GatewaySample& sample) {
  auto out = ordered_object();
  out->set("outcome", std::string(sample.won ? "won" : "not won"));
  out->set("weight", sample.weight);
  out->set("needed", sample.needed);
  out->set("total", sample.total);
  out->set("margin", sample.margin);
  auto regions = ordered_object();
  for (const RegionSum& sum : sample.sums) {
    regions->set(sum.region, std::to_string(sum.present) + "/" + std::to_string(sum.total));
  }
  out->set("regions", regions);
  return out;
}

Array::Ptr samples_json(const DrillRecord& record) {
  Array::Ptr array = new Array;
  for (const GatewaySample& sample : record.samples) {
    auto out = ordered_object();
    out->set("at_s", rounded(sample.at));
    out->set("gateway", sample.region + "." + sample.gateway);
    out->set("answered", sample.answered);
    if (sample.answered) {
      out->set("primary", sample.primary);
      out->set("serving", sample.serving);
      out->set("epoch", sample.epoch);
      out->set("lease_ms", sample.lease_ms);
      out->set("quorum", quorum_json(sample));
      auto links = ordered_object();
      for (const auto& [to, state] : sample.links) links->set(to, state);
      out->set("links", links);
    }
    array->add(out);
  }
  return array;
}

Object::Ptr spread_json(const Spread& spread) {
  auto out = ordered_object();
  out->set("runs", static_cast<std::uint64_t>(spread.count()));
  if (spread.empty()) return out;
  out->set("min", rounded(spread.min()));
  out->set("median", rounded(spread.at(0.5)));
  out->set("p95", rounded(spread.at(0.95)));
  out->set("p99", rounded(spread.at(0.99)));
  out->set("max", rounded(spread.max()));
  out->set("max_seed", spread.seed_of_max());
  return out;
}

Object::Ptr figures_json(const RehearsedFigures& figures) {
  auto out = ordered_object();
  out->set("drill", figures.drill);
  out->set("runs", figures.runs);
  out->set("first_seed", figures.first_seed);
  out->set("round_trips", figures.round_trips);
  out->set("resolution_s", rounded(figures.resolution));
  out->set("failover_s", spread_json(figures.failover));
  out->set("gap_s", spread_json(figures.gap));
  out->set("failed_writes", spread_json(figures.failed_writes));
  out->set("worst_seed", figures.worst_seed());
  Array::Ptr failed = new Array;
  for (const auto& [seed, why] : figures.failed) {
    auto one = ordered_object();
    one->set("seed", seed);
    one->set("why", why);
    failed->add(one);
  }
  out->set("failed", failed);
  return out;
}

Array::Ptr placements_json(const DrillReport& report) {
  Array::Ptr array = new Array;
  for (const Placement& placement : place_figures(report.verdict, *report.rehearsed)) {
    auto out = ordered_object();
    out->set("figure", placement.figure);
    out->set("live_s", placement.live ? seen(*placement.live) : Poco::Dynamic::Var());
    out->set("inside", placement.inside);
    out->set("text", placement.text);
    array->add(out);
  }
  return array;
}

}  // namespace

std::string report_json(const DrillReport& report) {
  const DrillRecord& record = report.record;
  const DrillVerdict& verdict = report.verdict;
  auto out = ordered_object();
  out->set("id", record.id);
  out->set("drill", record.drill.name);
  out->set("about", record.drill.about);
  out->set("cluster", record.cluster);
  out->set("started", record.started);
  out->set("length_s", rounded(record.length));
  out->set("passed", verdict.passed);
  out->set("verdict", verdict_sentence(report));
  out->set("summary", verdict_text(report));
  out->set("aborted", record.aborted);
  out->set("checks", checks_json(verdict));
  out->set("gap_s", rounded(verdict.gap));
  out->set("writes", verdict.writes);
  out->set("failed_writes", verdict.failed);
  out->set("phases", phases_json(verdict.phases));
  if (report.rehearsed) {
    out->set("rehearsed", figures_json(*report.rehearsed));
    out->set("compared", placements_json(report));
  }
  out->set("actions", actions_json(record));
  out->set("events", events_json(record));
  out->set("samples", samples_json(record));
  out->set("probes", probes_json(record));
  return json_text(*out);
}

std::optional<std::string> kept_text(const std::string& json) {
  try {
    Poco::JSON::Parser parser;
    const auto report = parser.parse(json).extract<Object::Ptr>();
    return report->getValue<std::string>("id") + ": cluster " +
           report->getValue<std::string>("cluster") + ", " +
           report->getValue<std::string>("started") + ", took " +
           seconds_text(report->getValue<double>("length_s")) + "\n" +
           report->getValue<std::string>("summary");
  } catch (const std::exception&) {  // Poco::Exception is one
    return std::nullopt;
  }
}

std::string rehearsal_json(const RehearsedFigures& figures) {
  return json_text(*figures_json(figures));
}

std::optional<EarlierRun> earlier_run(const std::string& json, const std::string& drill) {
  try {
    Poco::JSON::Parser parser;
    const auto report = parser.parse(json).extract<Object::Ptr>();
    if (report->getValue<std::string>("drill") != drill) return std::nullopt;
    EarlierRun run;
    run.id = report->getValue<std::string>("id");
    run.started = report->optValue<std::string>("started", "");
    run.passed = report->getValue<bool>("passed");
    run.gap = report->getValue<double>("gap_s");
    run.failed = report->getValue<std::uint64_t>("failed_writes");
    if (const auto phases = report->getObject("phases"); !phases.isNull()) {
      run.failover = phases->optValue<double>("first_write_s", -1);
    }
    return run;
  } catch (const std::exception&) {  // Poco::Exception is one
    return std::nullopt;
  }
}

}  // namespace regent
