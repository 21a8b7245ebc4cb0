#include "region/simulation/rehearsal.h"

#include <algorithm>

#include "region/simulation/checker.h"
#include "region/simulation/faults.h"
#include "region/simulation/rehearsal_clients.h"

namespace regent::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds(10);     // between two looks at who leads
constexpr Duration kFirstPrimary = seconds(60);  // must have come by then
constexpr Duration kSteady = seconds(3);         // then all is left alone for so long
constexpr Duration kHealed = seconds(30);        // after the end there must be a primary within
constexpr Duration kAfterwards = seconds(1);     // and then clients write on for so long
constexpr Duration kSwitchover = seconds(30);    // as for a live drill
constexpr std::uint64_t kLongestRoundTripMs = 80;
// A disk that syncs.
constexpr Duration kDiskDelay = milliseconds(5);

class Stage {
 public:
  Stage(const Topology& topology, const RehearsalOptions& options)
      : topology_(topology),
        options_(options),
        random_(options.seed),
        checker_(topology),
        trace_(schedule_, options.trace_lines),
        world_{topology, schedule_, random_, checker_, trace_, &network_, {}},
        delays_(draw_delays()),
        network_(schedule_, random_, sites(), delays_,
                 [this](ProcessId from, ProcessId to, const PeerMessage& message) {
                   processes_.all[to]->deliver(from, message);
                   if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
                     clients_.heard(GatewayId{static_cast<std::uint16_t>(to)},
                                    GatewayId{static_cast<std::uint16_t>(from)}, *heartbeat);
                   }
                 }),
        clients_(world_, processes_, options_,
                 [this](RegionId from, RegionId to) { return way(from, to); }) {
    world_.mischief.disk_delay = kDiskDelay;
    // The network stays without jitter: one connection carries all between two gateways, so nothing
    // overtakes what was sent before it.
    build();
  }

  Rehearsed run(const Script& script) {
    if (!await(kFirstPrimary, [this] { return leader() != kNoRegion; })) {
      return fail("no primary came to begin with");
    }
    clients_.begin();
    pass(kSteady);
    if (options_.primary != kNoRegion && leader() != options_.primary) {
      if (!switch_over(options_.primary)) return fail("the drill's primary could not lead");
      pass(kSteady);
    }
    // The first step falls anywhere between two renewals and two heartbeats.
    pass(world_.up_to(topology_.timing.lease));
    zero_ = schedule_.now();
    clients_.record(out_.writes);
    pass(kLeadIn);
    if (leader() == kNoRegion) return fail("the first primary did not stay");
    const std::uint64_t changes = checker_.changes();
    for (const RehearsalStep& step : script(leader())) {
      out_.steps.push_back(schedule_.now() - zero_);
      trace_([&](auto& out) { out << "*** step " << out_.steps.size(); });
      if (!take(step)) break;
    }
    heal();
    out_.healed = schedule_.now() - zero_;
    trace_([&](auto& out) { out << "*** everything is healed"; });
    if (!await(kHealed, [this] { return leader() != kNoRegion; })) {
      fail("no primary after everything was healed");
    }
    pass(kAfterwards);
    out_.length = schedule_.now() - zero_;
    out_.changes = checker_.changes() - changes;
    if (checker_.violation()) fail(*checker_.violation());
    out_.trace.assign(trace_.lines().begin(), trace_.lines().end());
    return std::move(out_);
  }

 private:
  using Kind = RehearsalStep::Kind;

  std::vector<std::uint16_t> sites() const {
    std::vector<std::uint16_t> sites;
    for (const TopologyGateway& gateway : topology_.gateways) sites.push_back(gateway.region.value);
    for (const TopologyNode& node : topology_.nodes) sites.push_back(node.region.value);
    return sites;
  }

  // One way.
  std::vector<std::vector<Duration>> draw_delays() {
    const std::size_t regions = topology_.regions.size();
    std::vector<std::vector<Duration>> delays(regions, std::vector<Duration>(regions));
    for (std::size_t a = 0; a < regions; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        const Duration drawn = milliseconds(1 + random_.below(kLongestRoundTripMs));
        const RoundTrips& known = options_.round_trips;
        delays[a][b] = delays[b][a] = (known.given ? known.between[a][b] : drawn) / 2;
      }
      delays[a][a] = std::chrono::microseconds(100);
    }
    return delays;
  }
  Duration way(RegionId from, RegionId to) const {
    Duration way = delays_[from.value][to.value];
    for (const RehearsalStep& slow : slow_) {
      if (slow.region == from && slow.other == to) way += slow.span;
    }
    return way;
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

  // False: it did not come to its end, so that the rest makes no sense.
  bool take(const RehearsalStep& step) {
    switch (step.kind) {
      case Kind::wait:
        pass(step.span);
        return true;
      case Kind::await_primary:
        return came(await(step.span, [&] {
          const RegionId now = leader();
          return now != kNoRegion && (now == step.region) != step.negated;
        }));
      case Kind::switchover:
        return came(switch_over(step.region));
      default:
        break_or_heal(step);
        return true;
    }
  }
  bool came(bool so) {
    out_.awaited.push_back(so);
    return so;
  }
  bool switch_over(RegionId to) {
    const auto holder = checker_.holder(schedule_.now());
    if (holder) processes_.gateways[holder->gateway.value]->switch_over(to, kSwitchover);
    return await(kSwitchover, [&] { return leader() == to; });
  }

  void break_or_heal(const RehearsalStep& step) {
    switch (step.kind) {
      case Kind::isolate:
        for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
          if (RegionId{i} == step.region) continue;
          cut(step.region, RegionId{i});
          cut(RegionId{i}, step.region);
          clients_.cut(RegionId{i}, step.region);
        }
        return;
      case Kind::cut:
        cut(step.region, step.other);
        if (step.both) cut(step.other, step.region);
        clients_.cut(step.region, step.other);
        return;
      case Kind::slow:
        network_.slow_down(step.region.value, step.other.value, step.span);
        slow_.push_back(step);
        return;
      case Kind::lose_node:
        for (const NodeId node : step.nodes) {
          for (const auto& gateway : processes_.gateways) {
            impose(gateway->id(), world_.process(node));
            impose(world_.process(node), gateway->id());
          }
        }
        return;
      case Kind::stop:
        each_of(step, [](Process& process) { process.crash(); });
        return;
      case Kind::pause:
        each_of(step, [](Process& process) { process.pause(); });
        return;
      case Kind::heal:
        return heal();
      default:
        return;
    }
  }
  template <typename Do>
  void each_of(const RehearsalStep& step, const Do& act) {
    for (const GatewayId gateway : step.gateways) act(*processes_.all[world_.process(gateway)]);
    for (const NodeId node : step.nodes) act(*processes_.all[world_.process(node)]);
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
    clients_.heal();
    cuts_.clear();
    slow_.clear();
    for (Process* process : processes_.all) {
      process->resume();
      if (!process->alive()) process->start();
    }
  }

  Rehearsed fail(const std::string& why) {
    if (out_.failure.empty()) {
      const auto at = std::chrono::duration_cast<milliseconds>(schedule_.now() - zero_).count();
      out_.failure = why + ", " + std::to_string(at) + " ms after the beginning";
    }
    out_.trace.assign(trace_.lines().begin(), trace_.lines().end());
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
  std::vector<std::vector<Duration>> delays_;  // by the two RegionIds
  Network network_;
  RehearsalClients clients_;
  std::vector<std::pair<ProcessId, ProcessId>> cuts_;
  std::vector<RehearsalStep> slow_;
  TrueInstant zero_{};
  Rehearsed out_;
};

}  // namespace

Rehearsed rehearse(const Topology& topology, const Script& script,
                   const RehearsalOptions& options) {
  return Stage(topology, options).run(script);
}

}  // namespace regent::simulation
