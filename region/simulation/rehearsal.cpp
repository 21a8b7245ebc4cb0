#include "region/simulation/rehearsal.h"

#include <algorithm>

#include "region/simulation/checker.h"
#include "region/simulation/faults.h"

namespace regent::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds(10);     // between two looks at who leads
constexpr Duration kFirstPrimary = seconds(60);  // must have come by then
constexpr Duration kSteady = seconds(3);         // then all is left alone for so long
constexpr Duration kHealed = seconds(30);        // after the end there must be a primary within
constexpr std::uint64_t kLongestRoundTripMs = 80;

class Stage {
 public:
  Stage(const Topology& topology, const RehearsalOptions& options)
      : topology_(topology),
        options_(options),
        random_(options.seed),
        checker_(topology),
        trace_(schedule_, 0),
        world_{topology, schedule_, random_, checker_, trace_, &network_, {}},
        network_(schedule_, random_, sites(), delays(),
                 [this](ProcessId from, ProcessId to, const PeerMessage& message) {
                   processes_.all[to]->deliver(from, message);
                 }) {
    network_.set_conditions({.jitter = milliseconds(1)});
    build();
  }

  Rehearsed run(const Script& script) {
    schedule_writes();
    if (!await(kFirstPrimary, [this] { return leader() != kNoRegion; })) {
      return fail("no primary came to begin with");
    }
    pass(kSteady);
    primary_ = leader();
    if (primary_ == kNoRegion) return fail("the first primary did not stay");
    const std::uint64_t changes = checker_.changes();
    began_ = last_write_ = schedule_.now();
    out_.gap = {};
    for (const RehearsalStep& step : script(primary_)) take(step);
    heal();
    if (!await(kHealed, [this] { return leader() != kNoRegion; })) {
      fail("no primary after everything was healed");
    }
    pass(2 * options_.write_every);
    out_.gap = std::max(out_.gap, Duration(schedule_.now() - last_write_));
    out_.changes = checker_.changes() - changes;
    if (checker_.violation()) fail(*checker_.violation());
    return out_;
  }

 private:
  using Kind = RehearsalStep::Kind;

  std::vector<std::uint16_t> sites() const {
    std::vector<std::uint16_t> sites;
    for (const TopologyGateway& gateway : topology_.gateways) sites.push_back(gateway.region.value);
    for (const TopologyNode& node : topology_.nodes) sites.push_back(node.region.value);
    return sites;
  }

  std::vector<std::vector<Duration>> delays() {
    const std::size_t regions = topology_.regions.size();
    std::vector<std::vector<Duration>> delays(regions, std::vector<Duration>(regions));
    for (std::size_t a = 0; a < regions; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        const Duration drawn = milliseconds(1 + random_.below(kLongestRoundTripMs));
        delays[a][b] = delays[b][a] = options_.round_trip.value_or(drawn) / 2;
      }
      delays[a][a] = std::chrono::microseconds(100);
    }
    return delays;
  }

  Clock draw_clock() {
    const auto bound = static_cast<std::int64_t>(topology_.timing.clock_drift_ppm);
    const auto rate =
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2 * bound + 1))) - bound;
    return Clock(schedule_.now(), Instant{seconds(1000 + random_.below(100'000))}, rate);
  }

  void build() {
    for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
      processes_.gateways.push_back(
          std::make_unique<GatewayProcess>(world_, GatewayId{i}, draw_clock()));
      processes_.all.push_back(processes_.gateways.back().get());
    }
    for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
      processes_.nodes.push_back(std::make_unique<NodeProcess>(world_, NodeId{i}, draw_clock()));
      processes_.all.push_back(processes_.nodes.back().get());
    }
    for (Process* process : processes_.all) {
      schedule_.after(world_.up_to(topology_.timing.heartbeat), [process] { process->start(); });
    }
  }

  // Clients write everywhere, each gateway in its own turn.
  void schedule_writes() {
    for (const auto& gateway : processes_.gateways) {
      schedule_write(*gateway, world_.up_to(options_.write_every));
    }
  }
  void schedule_write(GatewayProcess& gateway, Duration after) {
    schedule_.after(after, [this, &gateway] {
      const std::uint64_t before = checker_.writes();
      gateway.write(milliseconds(1));
      if (checker_.writes() > before) note_write();
      schedule_write(gateway, options_.write_every);
    });
  }
  void note_write() {
    out_.gap = std::max(out_.gap, Duration(schedule_.now() - last_write_));
    last_write_ = schedule_.now();
    if (primary_ == kNoRegion || out_.failover || leader() == primary_) return;
    out_.failover = schedule_.now() - began_;
  }

  RegionId leader() const {
    const auto holder = checker_.holder(schedule_.now());
    return holder ? topology_.gateway(holder->gateway).region : kNoRegion;
  }

  void pass(Duration span) {
    const TrueInstant end = schedule_.now() + span;
    while (schedule_.step(end)) {
    }
  }
  template <typename Done>
  bool await(Duration limit, const Done& done) {
    const TrueInstant end = schedule_.now() + limit;
    while (schedule_.now() < end) {
      if (done()) return true;
      pass(std::min<Duration>(kLook, end - schedule_.now()));
    }
    return done();
  }

  void take(const RehearsalStep& step) {
    switch (step.kind) {
      case Kind::isolate:
        for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
          if (RegionId{i} == step.region) continue;
          cut(step.region, RegionId{i});
          cut(RegionId{i}, step.region);
        }
        return;
      case Kind::cut:
        cut(step.region, step.other);
        if (step.both) cut(step.other, step.region);
        return;
      case Kind::slow:
        network_.slow_down(step.region.value, step.other.value, step.span);
        slow_.push_back(step);
        return;
      case Kind::lose_node:
        for (const auto& process : processes_.gateways) {
          impose(process->id(), world_.process(step.node));
          impose(world_.process(step.node), process->id());
        }
        return;
      case Kind::stop:
        process_of(step).crash();
        taken_.push_back(&process_of(step));
        return;
      case Kind::pause:
        process_of(step).pause();
        taken_.push_back(&process_of(step));
        return;
      case Kind::heal:
        return heal();
      case Kind::switchover:
        return switch_over(step.region);
      case Kind::wait:
        return pass(step.span);
      case Kind::await_primary:
        if (!await(step.span, [&] {
              const RegionId now = leader();
              return now != kNoRegion && (now == step.region) != step.negated;
            })) {
          fail("the awaited primary did not come");
        }
        return;
    }
  }

  void switch_over(RegionId to) {
    const auto holder = checker_.holder(schedule_.now());
    if (holder) processes_.gateways[holder->gateway.value]->switch_over(to, seconds(30));
    if (!await(seconds(35), [&] { return leader() == to; })) fail("the switchover was not done");
  }

  Process& process_of(const RehearsalStep& step) {
    const ProcessId id =
        std::visit([this](auto each) { return world_.process(each); }, *step.process);
    return *processes_.all[id];
  }

  void cut(RegionId from, RegionId to) {
    for (const Process* a : processes_.all) {
      if (world_.region_of(a->id()) != from) continue;
      for (const Process* b : processes_.all) {
        if (world_.region_of(b->id()) == to) impose(a->id(), b->id());
      }
    }
  }
  void impose(ProcessId from, ProcessId to) {
    network_.set_cut(from, to, true);
    cuts_.emplace_back(from, to);
  }
  void heal() {
    for (const auto& [from, to] : cuts_) network_.set_cut(from, to, false);
    for (const RehearsalStep& slow : slow_) {
      network_.slow_down(slow.region.value, slow.other.value, -slow.span);
    }
    for (Process* process : taken_) {
      if (!process->alive()) process->start();
      process->resume();
    }
    cuts_.clear();
    slow_.clear();
    taken_.clear();
  }

  Rehearsed fail(const std::string& why) {
    if (out_.failure.empty()) {
      const auto at = std::chrono::duration_cast<milliseconds>(schedule_.now() - began_).count();
      out_.failure = why + ", " + std::to_string(at) + " ms after the first step";
    }
    return out_;
  }

  const Topology& topology_;
  const RehearsalOptions options_;
  Random random_;
  Schedule schedule_;
  Checker checker_;
  Trace trace_;
  Processes processes_;
  World world_;
  Network network_;
  std::vector<std::pair<ProcessId, ProcessId>> cuts_;
  std::vector<RehearsalStep> slow_;
  std::vector<Process*> taken_;   // stopped or paused
  RegionId primary_ = kNoRegion;  // when the first step was taken
  TrueInstant began_{};
  TrueInstant last_write_{};
  Rehearsed out_;
};

}  // namespace

Rehearsed rehearse(const Topology& topology, const Script& script,
                   const RehearsalOptions& options) {
  return Stage(topology, options).run(script);
}

}  // namespace regent::simulation
