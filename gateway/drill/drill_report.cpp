#include "gateway/drill/drill_report.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <cmath>
#include <cstdio>
#include <sstream>

namespace regent {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr object() {
  return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

Array::Ptr checks_json(const DrillVerdict& verdict) {
  Array::Ptr array = new Array;
  for (const DrillCheck& check : verdict.checks) {
    auto out = object();
    out->set("name", check.name);
    out->set("expected", check.expected);
    out->set("actual", check.actual);
    out->set("passed", check.passed);
    array->add(out);
  }
  return array;
}

Object::Ptr phases_json(const DrillPhases& phases) {
  auto out = object();
  const auto set = [&](const char* key, double value) {
    out->set(key, value < 0 ? Poco::Dynamic::Var() : Poco::Dynamic::Var(rounded(value)));
  };
  set("detected_s", phases.detected);
  set("lease_over_s", phases.lease_over);
  set("voted_s", phases.voted);
  set("first_write_s", phases.first_write);
  return out;
}

Array::Ptr events_json(const DrillRecord& record) {
  static constexpr const char* kKinds[] = {"step", "note", "trouble"};
  Array::Ptr array = new Array;
  for (const DrillEvent& event : record.events) {
    auto out = object();
    out->set("at_s", rounded(event.at));
    out->set("kind", std::string(kKinds[static_cast<std::size_t>(event.kind)]));
    out->set("text", event.text);
    array->add(out);
  }
  return array;
}

Array::Ptr probes_json(const DrillRecord& record) {
  Array::Ptr array = new Array;
  for (const ProbeAnswer& probe : record.probes) {
    auto out = object();
    out->set("sent_s", rounded(probe.sent));
    out->set("answered_s", rounded(probe.answered));
    out->set("via", probe.region + "." + probe.gateway);
    out->set("code", probe.code);
    out->set("region", probe.served_by);
    out->set("epoch", probe.epoch);
    array->add(out);
  }
  return array;
}

Array::Ptr samples_json(const DrillRecord& record) {
  Array::Ptr array = new Array;
  for (const GatewaySample& sample : record.samples) {
    auto out = object();
    out->set("at_s", rounded(sample.at));
    out->set("gateway", sample.region + "." + sample.gateway);
    out->set("answered", sample.answered);
    if (sample.answered) {
      out->set("primary", sample.primary);
      out->set("serving", sample.serving);
      out->set("epoch", sample.epoch);
      out->set("lease_ms", sample.lease_ms);
      out->set("quorum_weight", sample.weight);
      out->set("quorum_needed", sample.needed);
      out->set("quorum_margin", sample.margin);
      auto links = object();
      for (const auto& [to, state] : sample.links) links->set(to, state);
      out->set("links", links);
    }
    array->add(out);
  }
  return array;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML has no way to write the other control characters.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

std::string report_json(const DrillRecord& record, const DrillVerdict& verdict) {
  auto out = object();
  out->set("id", record.id);
  out->set("drill", record.drill.name);
  out->set("about", record.drill.about);
  out->set("cluster", record.cluster);
  out->set("started", record.started);
  out->set("length_s", rounded(record.length));
  out->set("passed", verdict.passed);
  out->set("aborted", record.aborted);
  out->set("checks", checks_json(verdict));
  out->set("gap_s", rounded(verdict.gap));
  out->set("writes", verdict.writes);
  out->set("failed_writes", verdict.failed);
  out->set("phases", phases_json(verdict.phases));
  out->set("events", events_json(record));
  out->set("samples", samples_json(record));
  out->set("probes", probes_json(record));
  std::ostringstream text;
  out->stringify(text);
  return text.str() + "\n";
}

std::string report_junit(const DrillRecord& record, const DrillVerdict& verdict) {
  std::ostringstream out;
  std::size_t failures = 0;
  for (const DrillCheck& check : verdict.checks) failures += check.passed ? 0 : 1;
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\""
      << escaped(record.drill.name) << "\" tests=\"" << verdict.checks.size() << "\" failures=\""
      << failures << "\" errors=\"0\" time=\"" << rounded(record.length) << "\">\n";
  for (const DrillCheck& check : verdict.checks) {
    out << "  <testcase classname=\"drill." << escaped(record.drill.name) << "\" name=\""
        << escaped(check.name + ": " + check.expected) << "\" time=\"0\"";
    if (check.passed) {
      out << "/>\n";
    } else {
      out << ">\n    <failure message=\"" << escaped(check.actual) << "\"/>\n  </testcase>\n";
    }
  }
  out << "</testsuite>\n";
  return out.str();
}

std::optional<EarlierRun> earlier_run(const std::string& json, const std::string& drill) {
  try {
    Poco::JSON::Parser parser;
    const auto report = parser.parse(json).extract<Object::Ptr>();
    if (report->getValue<std::string>("drill") != drill) return std::nullopt;
    return EarlierRun{report->getValue<std::string>("id"), report->getValue<bool>("passed"),
                      report->getValue<double>("gap_s"),
                      report->getValue<std::uint64_t>("failed_writes")};
  } catch (const std::exception&) {  // Poco::Exception is one
    return std::nullopt;
  }
}

std::string verdict_text(const DrillRecord& record, const DrillVerdict& verdict) {
  std::ostringstream out;
  for (const DrillCheck& check : verdict.checks) {
    out << (check.passed ? "  passed  " : "  FAILED  ") << check.name << ": " << check.expected
        << ": " << check.actual << "\n";
  }
  char gap[32];
  std::snprintf(gap, sizeof gap, "%.2f", verdict.gap);
  out << "drill " << record.drill.name << (verdict.passed ? " passed" : " FAILED")
      << ": longest time without an acknowledged write " << gap << " s, " << verdict.failed
      << " of " << verdict.writes << " writes failed\n";
  return out.str();
}

}  // namespace regent
