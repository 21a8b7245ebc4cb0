#include "gateway/cli/drill_rehearsal.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "gateway/cli/drill_probe.h"
#include "gateway/drill/drill_plan.h"
#include "gateway/drill/process_faults.h"
#include "gateway/http_exchange.h"
#include "gateway/picture.h"
#include "region/simulation/rehearsal.h"

namespace regent::cli {
namespace {

using simulation::Rehearsed;
using simulation::RehearsalOptions;
using simulation::RehearsalStep;
using From = DrillStep::Kind;
using To = RehearsalStep::Kind;

constexpr std::size_t kTraceLines = 20'000;

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

To kind_of(From kind) {
  switch (kind) {
    case From::isolate:
      return To::isolate;
    case From::cut:
      return To::cut;
    case From::delay:
      return To::slow;
    case From::lose_node:
      return To::lose_node;
    case From::stop_gateway:
    case From::stop_node:
    case From::stop_gateways:
      return To::stop;
    case From::pause_gateway:
    case From::pause_node:
    case From::pause_gateways:
      return To::pause;
    case From::switchover:
      return To::switchover;
    case From::wait:
      return To::wait;
    case From::await_primary:
      return To::await_primary;
    case From::heal:
      return To::heal;
    case From::lose_redis:  // decides nothing
      break;
  }
  return To::nothing;
}

// One for each step of the drill.
std::vector<RehearsalStep> script_of(const Drill& bound, const Topology& topology) {
  std::vector<RehearsalStep> script;
  for (const DrillStep& step : bound.steps) {
    RehearsalStep out;
    out.kind = kind_of(step.kind);
    out.region = topology.find_region(step.region).value_or(kNoRegion);
    out.other = topology.find_region(step.other).value_or(kNoRegion);
    if (step.kind == From::lose_node) {
      out.nodes = {*topology.find_node(out.region, step.process)};
    }
    for (const std::string& name : processes_of(step, topology)) {
      const AnyProcess process = *find_process(topology, name);
      if (const auto* gateway = std::get_if<GatewayId>(&process)) out.gateways.push_back(*gateway);
      if (const auto* node = std::get_if<NodeId>(&process)) out.nodes.push_back(*node);
    }
    out.both = step.both;
    out.negated = step.negated;
    out.span = step.span;
    script.push_back(out);
  }
  return script;
}

ProbeAnswer answer_of(const simulation::RehearsedWrite& write, const Topology& topology) {
  const TopologyGateway& gateway = topology.gateway(write.through);
  ProbeAnswer answer;
  answer.sent = seconds(write.sent);
  answer.answered = seconds(write.answered);
  answer.region = topology.region_name(gateway.region);
  answer.gateway = gateway.name;
  answer.code = write.taken ? 201 : write.no_answer ? 0 : write.unknown ? 502 : 503;
  answer.unknown = write.unknown;
  if (write.taken) answer.served_by = topology.region_name(write.by);
  answer.epoch = write.epoch.value;
  return answer;
}

void end_all(DrillRecord& record, double at) {
  end_actions(record, at);
  end_isolations(record, at);
}

void note_steps(const Rehearsed& run, DrillRecord& record) {
  std::size_t awaited = 0;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const DrillStep& step = record.drill.steps[i];
    const double at = seconds(run.steps[i]);
    record.events.push_back({at, DrillEvent::Kind::step, step_text(step)});
    if (step.breaks()) begin_action(record, step, at, at);
    if (step.kind == From::heal) end_all(record, at);
    if (step.kind == From::switchover) {
      const bool done = run.awaited.at(awaited++);
      const bool last = i + 1 == run.steps.size();
      record.actions.push_back(
          {step_text(step), at, seconds(last ? run.healed : run.steps[i + 1])});
      if (!done) record.aborted = step_text(step) + ": it was not done";
    } else if (step.kind == From::await_primary) {
      const bool came = run.awaited.at(awaited++);
      record.awaited.emplace_back(step_text(step), came);
      if (!came) record.aborted = step_text(step) + ": it did not come";
    }
  }
}

DrillRecord record_of(const Drill& bound, const Topology& topology, const Rehearsed& run) {
  DrillRecord record;
  record.cluster = topology.cluster;
  record.drill = bound;
  record.lease = topology.timing.lease;
  record.length = seconds(run.length);
  record.aborted = run.failure;
  for (const auto& write : run.writes) record.probes.push_back(answer_of(write, topology));
  note_steps(run, record);
  // Without the lead-in: a live run takes its first step as soon as writes go through.
  if (record.aborted.empty() && run.healed - simulation::kLeadIn > bound.max_length) {
    record.aborted = kTakesTooLong;
  }
  end_all(record, seconds(run.healed));
  return record;
}

TracedRun run_once(const Drill& drill, const Topology& topology, const RehearsalSettings& settings,
                std::uint64_t seed, std::size_t trace_lines) {
  RehearsalOptions options;
  options.seed = seed;
  options.primary = settings.primary;
  options.round_trips = settings.round_trips;
  options.write_every = drill.probe.every;
  if (const Service* service = DrillProbes::service_of(topology, drill.probe)) {
    options.hold = service->hold;
  }
  options.attempts = HttpExchange::kMaxAttempts;
  options.serve_margin = serve_margin(topology);
  options.trace_lines = trace_lines;
  Drill bound = drill;  // until the primary is known
  const auto script = [&](RegionId primary) {
    auto made = bind_drill(drill, topology, primary);
    CHECK(made.ok());
    bound = *std::move(made);
    return script_of(bound, topology);
  };
  Rehearsed run = simulation::rehearse(topology, script, options);
  return {record_of(bound, topology, run), std::move(run.trace)};
}

}  // namespace

Status check_bindable(const Drill& drill, const Topology& topology) {
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    if (!topology.regions[i].may_be_primary()) continue;
    const auto bound = bind_drill(drill, topology, RegionId{i});
    if (!bound.ok()) return bound.error();
  }
  return Done{};
}

RehearsedFigures rehearse_drill(const Drill& drill, const Topology& topology,
                                const RehearsalSettings& settings) {
  std::vector<RehearsedRun> runs(settings.runs);
  std::atomic<std::uint64_t> next{0};
  const auto work = [&] {
    for (std::uint64_t i; (i = next++) < settings.runs;) {
      const std::uint64_t seed = settings.first_seed + i;
      const TracedRun run = run_once(drill, topology, settings, seed, 0);
      runs[i] = rehearsed_run(seed, judge_drill(run.record));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < settings.threads; ++i) threads.emplace_back(work);
    work();
  }
  RehearsedFigures figures;
  figures.drill = drill.name;
  figures.first_seed = settings.first_seed;
  figures.round_trips = round_trips_text(topology, settings.round_trips);
  figures.resolution = seconds(drill.probe.every);
  figures.take(runs);
  return figures;
}

TracedRun trace_rehearsal(const Drill& drill, const Topology& topology,
                          const RehearsalSettings& settings) {
  return run_once(drill, topology, settings, settings.first_seed, kTraceLines);
}

std::string round_trips_text(const Topology& topology, const RoundTrips& trips) {
  if (!trips.given) return "drawn for each run, 1 to 80 ms";
  std::string text;
  for (std::size_t a = 0; a < topology.regions.size(); ++a) {
    for (std::size_t b = a + 1; b < topology.regions.size(); ++b) {
      char pair[32];
      std::snprintf(pair, sizeof pair, " %.1f ms",
                    std::chrono::duration<double, std::milli>(trips.between[a][b]).count());
      text += (text.empty() ? "" : ", ") + topology.regions[a].name + "~" +
              topology.regions[b].name + pair;
    }
  }
  return text;
}

}  // namespace regent::cli
