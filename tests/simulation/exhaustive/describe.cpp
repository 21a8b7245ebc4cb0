#include <cstdio>

#include "tests/simulation/exhaustive/model.h"

namespace regent::exhaustive {
namespace {

constexpr std::array<const char*, kNodes> kNodeNames{"a/n", "b/n", "w/n"};

}  // namespace

std::string Model::describe(const Step& step) const {
  if (step.tick) return "a tick passes";
  const Nodes::Move& move = step.move;
  const std::string node = kNodeNames[step.node];
  const std::string gateway = setup_.gateway_name(move.gateway);
  const std::string epoch = "epoch " + std::to_string(move.epoch);
  switch (move.kind) {
    case Nodes::Move::Kind::crash:
      return node + " crashes and starts again";
    case Nodes::Move::Kind::release:
      return node + " gets " + gateway + "'s release of " + epoch;
    case Nodes::Move::Kind::close:
      return node + " gets " + gateway + "'s close of " + epoch;
    case Nodes::Move::Kind::ask:
      break;
  }
  std::string text = node + " gets " + gateway + "'s ask in " + epoch +
                     (move.span == Nodes::Span::lease ? " for a lease" : " for one tick");
  if (move.fate == Nodes::Fate::late) text += ", too late to count";
  if (move.fate == Nodes::Fate::not_heard) text += ", writes, and crashes before it answers";
  return text;
}

std::string Model::describe(const Cluster& cluster) {
  std::string text;
  for (unsigned node = 0; node < kNodes; ++node) {
    const Nodes::Local& local = nodes_.local(cluster.nodes[node]);
    const Voter& voter = nodes_.voters().voter(local.voter);
    const auto wait = nodes_.voters().wait(local.voter, Incarnation{});
    const std::uint16_t region = voter.record().region.value;
    char line[96];
    std::snprintf(
        line, sizeof line, "%s: epoch %d for %s%s, bound for %.2f ticks; ", kNodeNames[node],
        static_cast<int>(voter.record().epoch.value),
        region == 0   ? "a"
        : region == 1 ? "b"
                      : "nobody",
        voter.closed() ? ", closed" : "",
        static_cast<double>(wait.count()) / static_cast<double>(setup_.node_tick().count()));
    text += line;
  }
  text += "leases:";
  bool any = false;
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    if ((holders(cluster) >> gateway & 1) == 0) continue;
    any = true;
    text +=
        " " + setup_.gateway_name(gateway) + " in epoch " + std::to_string(epoch(cluster, gateway));
  }
  return text + (any ? "" : " none");
}

}  // namespace regent::exhaustive
