#include "tests/simulation/exhaustive/nodes.h"

#include <algorithm>

#include "quorum/check.h"

namespace regent::exhaustive {
namespace {

constexpr Nodes::Id kUnknown = 0xffffffff;

}  // namespace

// Operation 0 is the tick.
Nodes::Nodes(const Setup& setup)
    : setup_(setup),
      voters_(setup),
      renamings_(renamings(setup)),
      operations_(1 + 2 * kMaxGateways + static_cast<unsigned>(renamings_.size())) {}

template <typename Compute>
Nodes::Id Nodes::look_up(Id node, unsigned operation, Compute compute) {
  CHECK(operation < operations_);
  const std::size_t at = std::size_t{node} * operations_ + operation;
  if (table_[at] == kUnknown) {
    const Id next = intern(compute(locals_[node]));
    table_[at] = next;
  }
  return table_[at];
}

Nodes::Id Nodes::intern(const Local& local) {
  const auto [entry, added] = ids_.emplace(local, static_cast<Id>(locals_.size()));
  if (added) {
    locals_.push_back(local);
    Seen seen;
    seen.voted = static_cast<std::uint8_t>(local.voted.value);
    seen.broken = local.broken;
    for (unsigned gateway = 0; gateway < kMaxGateways; ++gateway) {
      if (local.granted[gateway] != 0) seen.lease |= static_cast<std::uint8_t>(1U << gateway);
      if (local.granted_now[gateway]) seen.window |= static_cast<std::uint8_t>(1U << gateway);
    }
    seen_.push_back(seen);
    moves_.emplace_back();
    table_.resize(table_.size() + operations_, kUnknown);
  }
  return entry->second;
}

Nodes::Id Nodes::fresh() {
  Local local;
  local.disk = {Epoch{}, kNoRegion, setup_.lease()};
  local.voter = reboot(local.disk);
  return intern(local);
}

Voters::Id Nodes::reboot(VoteRecord disk) {
  if (setup_.flaw == Flaw::no_wait) disk.lease = Duration::zero();
  return voters_.boot(disk);
}

Nodes::Id Nodes::tick(Id node) {
  return look_up(node, 0, [&](Local local) {
    local.voter = voters_.tick(local.voter);
    local.granted_now.fill(false);
    for (std::uint8_t& age : local.granted) {
      if (age != 0 && ++age > setup_.lease_ticks) age = 0;
    }
    return local;
  });
}

const std::vector<Nodes::Move>& Nodes::moves(Id node) {
  if (!moves_[node].empty()) return moves_[node];
  const Local local = locals_[node];
  std::vector<Move> all{{.kind = Move::Kind::crash, .next = intern(crashed(local))}};
  for (std::uint8_t gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    for (std::uint8_t epoch = 1; epoch <= setup_.epochs; ++epoch) {
      add_asks(local, gateway, epoch, all);
      // Giving up the last epoch of the search makes room for nothing.
      if (epoch == setup_.epochs) continue;
      const Id released = intern(given_back(local, QuestionKind::release, gateway, epoch));
      const Id closed = intern(given_back(local, QuestionKind::close, gateway, epoch));
      all.push_back(
          {.kind = Move::Kind::release, .gateway = gateway, .epoch = epoch, .next = released});
      all.push_back(
          {.kind = Move::Kind::close, .gateway = gateway, .epoch = epoch, .next = closed});
    }
  }
  std::erase_if(
      all, [&](const Move& move) { return move.next == node && move.kind != Move::Kind::crash; });
  moves_[node] = std::move(all);
  return moves_[node];
}

void Nodes::add_asks(const Local& local, unsigned gateway, unsigned epoch, std::vector<Move>& out) {
  for (const Fate fate : {Fate::first, Fate::counted, Fate::late, Fate::not_heard}) {
    for (const Span span : {Span::window, Span::lease}) {
      const Id next = intern(asked(local, gateway, epoch, span, fate));
      if (fate == Fate::not_heard && next == out.front().next) continue;  // a crash, no more
      out.push_back({.kind = Move::Kind::ask,
                     .gateway = static_cast<std::uint8_t>(gateway),
                     .epoch = static_cast<std::uint8_t>(epoch),
                     .span = span,
                     .fate = fate,
                     .next = next});
    }
  }
}

Nodes::Local Nodes::crashed(Local local) {
  local.voter = reboot(local.disk);
  return local;
}

Nodes::Local Nodes::asked(Local local, unsigned gateway, unsigned epoch, Span span, Fate fate) {
  const Duration lease = span == Span::lease ? setup_.lease() : setup_.window();
  const Question asked = question(setup_, QuestionKind::ask, gateway, epoch, lease);
  const Voters::Decision decision = voters_.decide(local.voter, asked);
  local.voter = decision.next;
  if (decision.persist && setup_.flaw != Flaw::unsynced) local.disk = *decision.persist;
  // In the last epoch nothing waits for a promise any more.
  if (local.disk.epoch.value == setup_.epochs) local.disk.lease = setup_.lease();
  if (decision.verdict != Verdict::granted) return local;
  const bool second_vote = local.voted == asked.epoch && local.voted_for != asked.region;
  if (local.voted > asked.epoch) local.broken = Broken::older_epoch;
  if (second_vote) local.broken = Broken::second_vote;
  local.voted = asked.epoch;
  local.voted_for = asked.region;
  if (fate == Fate::not_heard) return crashed(local);
  if (fate == Fate::late) return local;
  if (fate == Fate::first) local.granted[gateway] = 0;
  local.granted_now[gateway] = true;
  if (span == Span::lease) local.granted[gateway] = 1;
  return local;
}

Nodes::Local Nodes::given_back(Local local, QuestionKind kind, unsigned gateway, unsigned epoch) {
  for (unsigned other = 0; other < setup_.gateway_count(); ++other) {
    const bool sibling =
        setup_.flaw == Flaw::sibling && setup_.region(other) == setup_.region(gateway);
    if (other != gateway && !sibling) continue;
    const Question said = question(setup_, kind, other, epoch, Duration::zero());
    local.voter = voters_.decide(local.voter, said).next;
  }
  return local;
}

Nodes::Id Nodes::forget_grants(Id node, unsigned gateway) {
  return look_up(node, 1 + gateway, [&](Local local) {
    local.granted[gateway] = 0;
    local.granted_now[gateway] = false;
    return local;
  });
}

Nodes::Id Nodes::renew_grants(Id node, unsigned gateway) {
  return look_up(node, 1 + kMaxGateways + gateway, [&](Local local) {
    if (local.granted[gateway] != 0) local.granted[gateway] = 1;
    return local;
  });
}

Nodes::Id Nodes::renamed(Id node, unsigned renaming) {
  return look_up(node, 1 + 2 * kMaxGateways + renaming, [&](const Local& local) {
    const Renaming& names = renamings_[renaming];
    Local out = local;
    out.voter = voters_.renamed(local.voter, names);
    out.disk.region = names.region(local.disk.region);
    out.voted_for = names.region(local.voted_for);
    for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
      out.granted[names.gateway[gateway]] = local.granted[gateway];
      out.granted_now[names.gateway[gateway]] = local.granted_now[gateway];
    }
    return out;
  });
}

}  // namespace regent::exhaustive
