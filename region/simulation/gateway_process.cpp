#include "region/simulation/gateway_process.h"

#include <algorithm>
#include <set>

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

}  // namespace

GatewayProcess::GatewayProcess(World& world, GatewayId self, Clock clock)
    : Process(world, clock), self_(self) {}

void GatewayProcess::started() {
  incarnation_ = Incarnation{world_.random.next() | 1};
  member_.emplace(world_.topology, self_, incarnation_, world_.random.next(), "sim", now());
  member_->set_backends({healthy_backends_});
  route_ = {};
  writes_in_flight_ = 0;
  pending_wake_ = TrueInstant::max();
  world_.trace.add(world_.name(self_), " starts as ", std::hex, incarnation_.value & 0xffff);
  settle();
}

void GatewayProcess::crashed() {
  member_.reset();
  world_.trace.add(world_.name(self_), " crashes");
}

void GatewayProcess::clock_changed() {
  pending_wake_ = TrueInstant::max();
  settle();
}

bool GatewayProcess::may_write() const {
  if (!alive()) return false;
  return now() < route_.lease_end || member_->election().holds_lease(now());
}

void GatewayProcess::set_healthy_backends(std::uint32_t healthy) {
  healthy_backends_ = healthy;
  if (!alive()) return;
  run([this] {
    member_->set_backends({healthy_backends_});
    settle();
  });
}

void GatewayProcess::switch_over(RegionId successor, Duration timeout) {
  if (!alive()) return;
  run([this, successor, timeout] {
    world_.trace.add(world_.name(self_), " is told to switch over to ",
                     world_.topology.region_name(successor));
    Outbox out;
    member_->switchover(successor, timeout, next_token_++, now(), out);
    empty(out);
    settle();
  });
}

void GatewayProcess::write(Duration lasting) {
  if (!alive() || paused()) return;
  if (route_.draining || now() >= route_.lease_end) return;
  world_.checker.wrote(self_, route_.epoch);
  ++writes_in_flight_;
  later(lasting, [this] {
    --writes_in_flight_;
    settle();
  });
}

void GatewayProcess::received(ProcessId from, const PeerMessage& message) {
  Outbox out;
  const std::size_t gateways = world_.topology.gateways.size();
  if (from < gateways) {
    const GatewayId peer{static_cast<std::uint16_t>(from)};
    member_->from_gateway(peer, from, message, now(), out);
  } else {
    member_->from_node(NodeId{static_cast<std::uint32_t>(from - gateways)}, message, now(), out);
  }
  empty(out);
  settle();
}

void GatewayProcess::settle() {
  Outbox out;
  member_->tick(now(), writes_in_flight_, out);
  empty(out);
  wake_at(member_->next_deadline(now()));
}

void GatewayProcess::send(GatewayId to, const PeerMessage& message) {
  if (world_.trace.enabled()) {
    const std::string text = show(message, world_.topology);
    if (!text.empty()) world_.trace.add(world_.name(self_), " to ", world_.name(to), ": ", text);
  }
  world_.send(world_.process(self_), world_.process(to), message);
}

void GatewayProcess::empty(Outbox& out) {
  if (out.changed) publish();
  std::set<RoundId> told;  // a round goes to many
  const auto tell_checker = [&](const PeerMessage& message) {
    const auto* round = std::get_if<RoundMessage>(&message);
    if (round == nullptr || round->question.incarnation != incarnation_) return;
    if (!told.insert(round->question.round).second) return;
    world_.trace.add(world_.name(self_), " puts ", show(round->question, world_.topology));
    world_.checker.asked(self_, round->question, now());
    const bool closing = round->question.kind == QuestionKind::close;
    if (closing && writes_in_flight_ > 0) {
      world_.checker.fail(world_.name(self_) + " gives its epoch back with writes in flight");
    }
  };
  for (const auto& [node, message] : out.to_nodes) {
    tell_checker(message);
    world_.send(world_.process(self_), world_.process(node), message);
  }
  for (const auto& [gateway, message] : out.to_gateways) {
    tell_checker(message);
    send(gateway, message);
  }
  for (const auto& [connection, message] : out.replies) {
    send(GatewayId{static_cast<std::uint16_t>(connection)}, message);
  }
  for (const auto& [token, reply] : out.switchovers) {
    world_.trace.add(world_.name(self_), " ends switchover: ", reply.message);
  }
}

void GatewayProcess::publish() {
  const Election& election = member_->election();
  const Instant end = election.lease_end();
  const bool longer = end > route_.lease_end;
  const bool lost = end == Instant::min() && route_.lease_end != end;
  route_ = {election.view().epoch, end, member_->draining()};
  if (!longer) {
    if (lost) world_.trace.add(world_.name(self_), " holds no lease");
    return;
  }
  world_.trace.add(world_.name(self_), " holds a lease in epoch ", route_.epoch.value, " for ",
                   (end - now()).count() / 1000, " us");
  world_.checker.leased(self_, incarnation_, route_.epoch, end);
}

void GatewayProcess::wake_at(Instant reading) {
  const TrueInstant when = std::max(clock_.when(reading), world_.schedule.now());
  if (when >= pending_wake_ || when == TrueInstant::max()) return;
  pending_wake_ = when;
  later(when - world_.schedule.now(), [this, when] {
    if (when != pending_wake_) return;  // replaced by an earlier one
    pending_wake_ = TrueInstant::max();
    wakes_at_once_ = world_.schedule.now() == last_wake_ ? wakes_at_once_ + 1 : 0;
    last_wake_ = world_.schedule.now();
    if (wakes_at_once_ > kMaxWakesAtOnce) {
      world_.checker.fail(world_.name(self_) + " wants to be woken again and again at one instant");
      return;
    }
    settle();
  });
}

}  // namespace regent::simulation
