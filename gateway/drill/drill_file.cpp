#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "gateway/drill/drill.h"
#include "gateway/drill/drill_plan.h"
#include "gateway/drill/fault_order.h"
#include "gateway/duration_text.h"
#include "topology/document.h"
#include "topology/field.h"

namespace regent {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

using Kind = DrillStep::Kind;
constexpr std::array<std::pair<std::string_view, Kind>, 15> kKinds = {{
    {"isolate", Kind::isolate},
    {"cut", Kind::cut},
    {"delay", Kind::delay},
    {"lose_node", Kind::lose_node},
    {"lose_redis", Kind::lose_redis},
    {"stop_gateway", Kind::stop_gateway},
    {"stop_node", Kind::stop_node},
    {"stop_gateways", Kind::stop_gateways},
    {"pause_gateway", Kind::pause_gateway},
    {"pause_node", Kind::pause_node},
    {"pause_gateways", Kind::pause_gateways},
    {"switchover", Kind::switchover},
    {"wait", Kind::wait},
    {"await_primary", Kind::await_primary},
    {"heal", Kind::heal},
}};

void read_text(const Section& section, std::string_view key, std::string& out) {
  if (const auto field = section.find(key)) {
    if (auto text = field->text()) out = *std::move(text);
  }
}

void need_text(const Section& section, std::string_view key, std::string& out) {
  if (const auto field = section.need(key)) {
    if (auto text = field->text()) out = *std::move(text);
  }
}

void read_duration(const Section& section, std::string_view key, std::optional<Duration>& out) {
  if (const auto field = section.find(key)) out = field->duration(milliseconds(1), kLongestFaults);
}

void read_count(const Section& section, std::string_view key, std::optional<std::uint64_t>& out) {
  if (const auto field = section.find(key)) out = field->integer(0, 1'000'000);
}

void need_duration(const Section& section, std::string_view key, Duration max, Duration& out) {
  if (const auto field = section.need(key)) {
    if (const auto span = field->duration(milliseconds(1), max)) out = *span;
  }
}

void parse_pair(const Field& field, DrillStep& step) {
  const bool late = step.kind == Kind::delay;
  const Section section =
      late ? Section(field, {"from", "to", "by"}) : Section(field, {"from", "to", "both"});
  need_text(section, "from", step.region);
  need_text(section, "to", step.other);
  if (late) {
    need_duration(section, "by", kLongestDelay, step.span);
  } else {
    section.boolean("both", step.both);
  }
  if (!step.region.empty() && step.region == step.other) {
    field.error("'from' and 'to' must be two regions");
  }
}

void parse_await(const Field& field, DrillStep& step) {
  const Section section(field, {"is", "not", "within"});
  step.negated = section.has("not");
  if (section.has("is") && step.negated) field.error("takes 'is' or 'not', not both");
  need_text(section, step.negated ? "not" : "is", step.region);
  need_duration(section, "within", kLongestFaults, step.span);
}

void parse_process(const Field& field, DrillStep& step, const char* kind) {
  const auto text = field.text();
  if (!text) return;
  const std::size_t slash = text->find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text->size()) {
    return field.error(std::string("must be REGION/") + kind);
  }
  step.region = text->substr(0, slash);
  step.process = text->substr(slash + 1);
}

void parse_value(const Field& field, DrillStep& step) {
  switch (step.kind) {
    case Kind::cut:
    case Kind::delay:
      return parse_pair(field, step);
    case Kind::await_primary:
      return parse_await(field, step);
    case Kind::lose_node:
    case Kind::stop_node:
    case Kind::pause_node:
      return parse_process(field, step, "NODE");
    case Kind::stop_gateway:
    case Kind::pause_gateway:
      return parse_process(field, step, "GATEWAY");
    case Kind::wait:
      if (const auto span = field.duration(milliseconds(1), kLongestFaults)) step.span = *span;
      return;
    case Kind::heal:
      static_cast<void>(field.choice({"all"}));
      return;
    case Kind::isolate:
    case Kind::lose_redis:
    case Kind::stop_gateways:
    case Kind::pause_gateways:
    case Kind::switchover:
      if (auto text = field.text()) step.region = *std::move(text);
      return;
  }
}

DrillStep parse_step(const Field& field) {
  DrillStep step;
  step.path = field.path();
  const Section section(
      field, {"isolate", "cut", "delay", "lose_node", "lose_redis", "stop_gateway", "stop_node",
              "stop_gateways", "pause_gateway", "pause_node", "pause_gateways", "switchover",
              "wait", "await_primary", "heal"});
  const auto given =
      std::ranges::count_if(kKinds, [&](const auto& kind) { return section.has(kind.first); });
  if (given != 1) {
    if (field.is_map() && !field.findings().broken(field.path())) {
      field.error("a step does one thing: give it exactly one key");
    }
    return step;
  }
  for (const auto& [key, kind] : kKinds) {
    const auto value = section.find(key);
    if (!value) continue;
    step.kind = kind;
    parse_value(*value, step);
  }
  return step;
}

void parse_steps(const Field& field, Drill& drill) {
  const std::vector<Field> items = field.items();
  if (items.size() > kMaxDrillSteps) return field.error("has more than 100 steps");
  Duration needed{};
  for (const Field& item : items) {
    drill.steps.push_back(parse_step(item));
    if (drill.steps.back().kind == Kind::wait) needed += drill.steps.back().span;
  }
  if (items.empty() && !field.findings().broken(field.path())) field.error("has no step");
  if (needed > drill.max_length) field.error("wait longer together than max_length allows");
}

void parse_expect(const Field& field, DrillExpectations& expect) {
  const Section section(field, {"gap", "failed_writes", "minority_refuses"});
  read_duration(section, "gap", expect.gap);
  read_count(section, "failed_writes", expect.failed_writes);
  section.boolean("minority_refuses", expect.minority_refuses);
}

void parse_probe(const Field& field, DrillProbe& probe) {
  const Section section(field, {"service", "path", "body", "every"});
  read_text(section, "service", probe.service);
  read_text(section, "path", probe.path);
  read_text(section, "body", probe.body);
  section.duration("every", milliseconds(10), minutes(1), probe.every);
}

void parse_root(const Field& root, Drill& drill) {
  const Section section(root, {"name", "about", "needs", "min_margin", "max_length", "probe",
                               "steps", "expect", "abort"});
  if (const auto field = section.need("name")) {
    if (const auto name = field->text()) {
      if (const auto problem = name_problem(*name)) field->error(*problem);
      drill.name = *name;
    }
  }
  read_text(section, "about", drill.about);
  if (const auto field = section.find("needs")) {
    const Section needs(*field, {"regions", "margin"});
    needs.integer("regions", 2, 1000, drill.needs_regions);
    needs.integer("margin", 0, 1'000'000, drill.needs_margin);
  }
  section.integer("min_margin", 0, 1'000'000, drill.min_margin);
  section.duration("max_length", milliseconds(1000), kLongestFaults, drill.max_length);
  if (const auto field = section.find("probe")) parse_probe(*field, drill.probe);
  if (const auto field = section.find("expect")) parse_expect(*field, drill.expect);
  if (const auto field = section.find("abort")) {
    const Section aborts(*field, {"no_primary_for", "failed_writes"});
    read_duration(aborts, "no_primary_for", drill.abort.no_primary_for);
    read_count(aborts, "failed_writes", drill.abort.failed_writes);
  }
  if (const auto field = section.need("steps")) parse_steps(*field, drill);
}

LoadedDrill unreadable(const std::string& file, const std::string& why) {
  LoadedDrill out;
  out.errors.push_back({file, 0, 0, "", "cannot be read: " + why});
  return out;
}

}  // namespace

LoadedDrill parse_drill(const std::string& text, const std::string& file,
                        const Topology* topology) {
  LoadedDrill out;
  Findings findings(file);
  if (const auto document = parse_document(text, {"drill", "name, steps and more"}, findings)) {
    const Field root(*document, "", findings);
    if (root.is_map()) parse_root(root, out.drill);
    if (topology != nullptr && !findings.any_errors()) {
      check_drill_names(out.drill, *topology, findings);
    }
  }
  out.errors = findings.errors();
  return out;
}

LoadedDrill load_drill(const std::string& file, const Topology* topology) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return unreadable(file, std::strerror(errno));
  std::string text(kMaxDrillBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (stream.gcount() == 0 && !stream.eof())) {
    return unreadable(file, "it is no regular file");
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxDrillBytes) return unreadable(file, "it has more than 64 KiB");
  return parse_drill(text, file, topology);
}

std::string step_text(const DrillStep& step) {
  switch (step.kind) {
    case Kind::isolate:
      return "isolate " + step.region;
    case Kind::cut:
      return step.both ? "cut the link between " + step.region + " and " + step.other
                       : "lose what " + step.region + " sends to " + step.other;
    case Kind::delay:
      return "delay what " + step.region + " sends to " + step.other + " by " +
             duration_text(step.span);
    case Kind::lose_node:
      return "lose node " + step.region + "/" + step.process;
    case Kind::lose_redis:
      return "lose the Redis of " + step.region;
    case Kind::stop_gateway:
      return "stop gateway " + step.region + "/" + step.process;
    case Kind::stop_node:
      return "stop node " + step.region + "/" + step.process;
    case Kind::stop_gateways:
      return "stop all gateways of " + step.region;
    case Kind::pause_gateway:
      return "pause gateway " + step.region + "/" + step.process;
    case Kind::pause_node:
      return "pause node " + step.region + "/" + step.process;
    case Kind::pause_gateways:
      return "pause all gateways of " + step.region;
    case Kind::switchover:
      return "switch over to " + step.region;
    case Kind::wait:
      return "wait " + duration_text(step.span);
    case Kind::await_primary:
      return std::string("await a primary ") + (step.negated ? "other than " : "in ") +
             step.region + " within " + duration_text(step.span);
    case Kind::heal:
      return "heal everything";
  }
  CHECK(false);
}

}  // namespace regent
