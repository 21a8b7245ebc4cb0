#include "region/simulation/gateway_process.h"

#include <algorithm>
#include <memory>

namespace regent::simulation {
namespace {

// A gateway that wants to be woken this often at one instant would spin for ever.
constexpr unsigned kMaxWakesAtOnce = 200;

std::string show(const PeerMessage& message, const Topology& topology) {
  if (const auto* wish = std::get_if<SwitchoverRequest>(&message)) {
    return "switchover to " + topology.region_name(wish->to);
  }
  if (const auto* reply = std::get_if<SwitchoverReply>(&message)) {
    return "switchover reply: " + reply->message;
  }
  if (const auto* drain = std::get_if<DrainRequest>(&message)) {
    return "drain epoch " + std::to_string(drain->epoch.value);
  }
  if (const auto* drained = std::get_if<Drained>(&message)) {
    return "drained epoch " + std::to_string(drained->epoch.value);
  }
  if (const auto* hand_over = std::get_if<HandOver>(&message)) {
    return "hand over epoch " + std::to_string(hand_over->epoch.value) + " to " +
           topology.region_name(hand_over->successor);
  }
  return "";
}

bool empty_but_for_state(const Outbox& out) {
  return !out.changed && !out.pause_changed && out.to_nodes.empty() && out.to_gateways.empty() &&
         out.replies.empty();
}

}  // namespace

GatewayProcess::GatewayProcess(World& world, GatewayId self, Clock clock)
    : Process(world, world.process(self), clock), gateway_(self) {}

BackendFacts GatewayProcess::backends() const {
  return {backends_in_order_, backends_in_order_ ? 1U : 0U};
}

void GatewayProcess::started() {
  incarnation_ = Incarnation{world_.random.next() | 1};
  member_.emplace(world_.topology, gateway_, incarnation_, world_.random.next(), "sim", now());
  member_->restore_pause(kept_);
  member_->set_backends(backends());
  route_ = {};
  writes_in_flight_ = 0;
  drained_in_ = {};
  pending_wake_ = TrueInstant::max();
  world_.trace([&](auto& out) {
    out << world_.name(gateway_) << " starts as " << std::hex << (incarnation_.value & 0xffff)
        << std::dec << ", wall clock " << wall_now().time_since_epoch().count() / 1000;
  });
  settle();
}

void GatewayProcess::crashed() {
  member_.reset();
  leaving_.reset();
  world_.checker.lease_ended(gateway_);
}

void GatewayProcess::remove() {
  removed_ = true;
  crash();
}

void GatewayProcess::rate_changed() {
  if (route_.lease_end <= now()) return;
  world_.checker.lease_moved(gateway_, world_.schedule.now(), clock_.when(route_.lease_end));
}

void GatewayProcess::clock_changed() {
  pending_wake_ = TrueInstant::max();
  settle();
}

void GatewayProcess::set_backends_in_order(bool in_order) {
  backends_in_order_ = in_order;
  if (!alive()) return;
  run([this] {
    member_->set_backends(backends());
    settle();
  });
}

void GatewayProcess::switch_over(RegionId successor, Duration timeout) {
  if (!alive()) return;
  run([this, successor, timeout] {
    world_.trace([&](auto& out) {
      out << world_.name(gateway_) << " is told to switch over to "
          << world_.topology.region_name(successor);
    });
    member_->switchover(successor, timeout, next_token_++, now(), out_);
    empty();
    settle();
  });
}

void GatewayProcess::pause_failover(bool paused) {
  if (!alive()) return;
  run([this, paused] {
    world_.trace([&](auto& out) {
      out << world_.name(gateway_) << " is told to " << (paused ? "pause" : "resume");
    });
    member_->set_paused(paused, now(), out_);
    empty();
    settle();
  });
}

void GatewayProcess::leave(Duration limit, Schedule::Action ended) {
  if (!alive() || leaving_) return;
  leaving_ = {next_token_++, std::move(ended)};
  run([this, limit] {
    world_.trace([&](auto& out) { out << world_.name(gateway_) << " is told to end"; });
    member_->leave(limit, leaving_->token, now(), out_);
    empty();
    settle();
  });
}

void GatewayProcess::write(Duration lasting) {
  // The data plane has threads of its own: they go on while the control thread is stalled.
  if (!alive() || (paused() && !stalled())) return;
  if (route_.draining || now() >= route_.lease_end) return;
  world_.checker.wrote(gateway_, route_.epoch, world_.schedule.now());
  ++writes_in_flight_;
  later(lasting, [this] {
    --writes_in_flight_;
    settle();
  });
}

bool GatewayProcess::genuine(const TallyMessage& tally) const {
  return std::all_of(tally.answers.begin(), tally.answers.end(), [](const SignedAnswer& answer) {
    return answer.signature == simulated_signature(answer.answer);
  });
}

void GatewayProcess::received(ProcessId from, const PeerMessage& message) {
  const auto* tally = std::get_if<TallyMessage>(&message);
  if (tally != nullptr && !genuine(*tally)) return;
  const std::size_t gateways = world_.topology.gateways.size();
  if (from < gateways) {
    const GatewayId peer{static_cast<std::uint16_t>(from)};
    member_->from_gateway(peer, from, message, now(), out_);
  } else {
    member_->from_node(NodeId{static_cast<std::uint32_t>(from - gateways)}, message, now(), out_);
  }
  empty();
  settle();
}

void GatewayProcess::settle() {
  if (!alive() || paused()) return;  // stalled just now: comes after it
  member_->tick(now(), writes_in_flight_, out_);
  empty();
  wake_when(member_->next_deadline(now()));
}

void GatewayProcess::empty() {
  if (empty_but_for_state(out_)) return out_.clear();
  if (world_.chance(world_.mischief.stall_permille)) {
    const auto kept = std::make_shared<Outbox>(std::move(out_));
    out_ = {};
    stall([this, kept] {
      publish(*kept);
      send_all(*kept);
      settle();
    });
    return;
  }
  publish(out_);
  send_all(out_);
  out_.clear();
}

// A round goes to many, one after the other, under one question.
void GatewayProcess::tell_checker(const PeerMessage& message) {
  const auto* round = std::get_if<RoundMessage>(&message);
  if (round == nullptr || round->question.incarnation != incarnation_) return;
  if (round->question.round == told_) return;
  told_ = round->question.round;
  world_.trace([&](auto& out) {
    out << world_.name(gateway_) << " puts " << show(round->question, world_.topology);
  });
  const bool drained = round->question.epoch == drained_in_;
  world_.checker.asked(gateway_, round->question, now(), drained);
  if (round->question.kind == QuestionKind::close && writes_in_flight_ > 0) {
    world_.checker.fail(world_.name(gateway_) + " gives its epoch back with writes in flight");
  }
}

void GatewayProcess::trace_sending(GatewayId to, const PeerMessage& message) {
  const bool dull = std::holds_alternative<Heartbeat>(message) ||
                    std::holds_alternative<RoundMessage>(message) ||
                    std::holds_alternative<TallyMessage>(message);
  if (dull) return;
  world_.trace([&](auto& out) {
    out << world_.name(gateway_) << " to " << world_.name(to) << ": "
        << show(message, world_.topology);
  });
}

void GatewayProcess::send_all(Outbox& out) {
  for (const auto& [node, message] : out.to_nodes) tell_checker(message);
  for (auto& [node, message] : out.to_nodes) {
    world_.network->send(self_, world_.process(node), std::move(message));
  }
  for (auto& [gateway, message] : out.to_gateways) {
    tell_checker(message);
    trace_sending(gateway, message);
    world_.network->send(self_, world_.process(gateway), std::move(message));
  }
  for (auto& [connection, message] : out.replies) reply(connection, std::move(message));
  for (const auto& [token, reply] : out.switchovers) {
    world_.trace([&](auto& line) {
      line << world_.name(gateway_) << " ends switchover: " << reply.message;
    });
    if (!leaving_ || token != leaving_->token) continue;
    later(Duration::zero(), [this] { world_.schedule.after(Duration::zero(), leaving_->ended); });
  }
}

// One that lies may change what it passes on, but cannot sign for a node.
void GatewayProcess::reply(std::uint64_t connection, PeerMessage message) {
  auto* tally = std::get_if<TallyMessage>(&message);
  if (tally != nullptr && world_.chance(world_.mischief.forgery_permille)) {
    for (SignedAnswer& answer : tally->answers) {
      answer.answer.verdict = Verdict::granted;
      answer.answer.wait = Duration::zero();
    }
  }
  world_.network->send(self_, static_cast<ProcessId>(connection), std::move(message));
}

void GatewayProcess::publish(const Outbox& out) {
  if (out.pause_changed) kept_ = member_->pause();
  if (!out.changed) return;
  const Election& election = member_->election();
  const Instant end = election.lease_end();
  const bool another = election.view().epoch != route_.epoch;
  const bool longer = end > route_.lease_end || another;
  const bool lost = end == Instant::min() && route_.lease_end != end;
  if (lost && route_.draining && writes_in_flight_ == 0) drained_in_ = route_.epoch;
  route_ = {election.view().epoch, end, member_->draining()};
  if (lost) {
    world_.trace([&](auto& line) { line << world_.name(gateway_) << " holds no lease"; });
    world_.checker.lease_ended(gateway_);
  }
  if (!longer || end <= now()) return;  // over before anybody heard of it, after a stall
  world_.trace([&](auto& line) {
    line << world_.name(gateway_) << " holds a lease in epoch " << route_.epoch.value << " for "
         << (end - now()).count() / 1000 << " us";
  });
  world_.checker.leased(gateway_, incarnation_, route_.epoch, end, world_.schedule.now(),
                        clock_.when(end));
}

void GatewayProcess::wake_when(Instant reading) {
  const TrueInstant when = std::max(clock_.when(reading), world_.schedule.now());
  if (when >= pending_wake_ || when == TrueInstant::max()) return;
  pending_wake_ = when;
  wake_at(when);
}

void GatewayProcess::woken() {
  const TrueInstant time = world_.schedule.now();
  if (time < pending_wake_) return;  // an earlier one took its place and has been
  pending_wake_ = TrueInstant::max();
  wakes_at_once_ = time == last_wake_ ? wakes_at_once_ + 1 : 0;
  last_wake_ = time;
  if (wakes_at_once_ > kMaxWakesAtOnce) {
    world_.checker.fail(world_.name(gateway_) + " wants to be woken again and again at an instant");
    return;
  }
  settle();
}

}  // namespace regent::simulation
