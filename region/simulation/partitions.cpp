// Shapes of partitions: who does not reach whom.

#include <algorithm>

#include "region/simulation/faults.h"

namespace regent::simulation {

Faults::Cuts Faults::between(const std::vector<bool>& inside, bool out, bool in) const {
  Cuts cuts;
  for (ProcessId from = 0; from < inside.size(); ++from) {
    for (ProcessId to = 0; to < inside.size(); ++to) {
      const bool leaves = inside[from] && !inside[to];
      const bool enters = !inside[from] && inside[to];
      if ((leaves && out) || (enters && in)) cuts.emplace_back(from, to);
    }
  }
  return cuts;
}

std::vector<bool> Faults::of_regions(const std::vector<bool>& regions) const {
  std::vector<bool> inside(processes_.all.size());
  for (ProcessId i = 0; i < inside.size(); ++i) inside[i] = regions[world_.region_of(i).value];
  return inside;
}

std::vector<RegionId> Faults::shuffled_regions() {
  std::vector<RegionId> order;
  for (std::uint16_t i = 0; i < world_.topology.regions.size(); ++i) {
    order.push_back(RegionId{i});
    std::swap(order.back(), order[world_.random.below(order.size())]);
  }
  return order;
}

// `side` regions on one side, the rest on the other.
Faults::Cuts Faults::split(std::size_t side) {
  const std::vector<RegionId> order = shuffled_regions();
  std::vector<bool> inside(order.size());
  for (std::size_t i = 0; i < side; ++i) inside[order[i].value] = true;
  return between(of_regions(inside), true, true);
}

// Two sides that do not reach each other, and one region that reaches both.
Faults::Cuts Faults::bridge() {
  const std::vector<RegionId> order = shuffled_regions();
  std::vector<std::uint8_t> side(order.size());
  for (std::size_t i = 1; i < order.size(); ++i) side[order[i].value] = i % 2 == 0 ? 1 : 2;
  Cuts cuts;
  for (ProcessId from = 0; from < processes_.all.size(); ++from) {
    for (ProcessId to = 0; to < processes_.all.size(); ++to) {
      const auto a = side[world_.region_of(from).value];
      const auto b = side[world_.region_of(to).value];
      if (a != 0 && b != 0 && a != b) cuts.emplace_back(from, to);
    }
  }
  return cuts;
}

// Each region reaches its neighbours on a ring only: majorities that overlap, and differ.
Faults::Cuts Faults::ring() {
  const std::vector<RegionId> order = shuffled_regions();
  const std::size_t regions = order.size();
  std::vector<std::size_t> place(regions);
  for (std::size_t i = 0; i < regions; ++i) place[order[i].value] = i;
  Cuts cuts;
  for (ProcessId from = 0; from < processes_.all.size(); ++from) {
    for (ProcessId to = 0; to < processes_.all.size(); ++to) {
      const std::size_t a = place[world_.region_of(from).value];
      const std::size_t b = place[world_.region_of(to).value];
      const std::size_t gap = (a + regions - b) % regions;
      if (gap > 1 && gap + 1 < regions) cuts.emplace_back(from, to);
    }
  }
  return cuts;
}

Faults::Cuts Faults::one_way() {
  std::vector<bool> inside(world_.topology.regions.size());
  for (std::size_t i = 0; i < inside.size(); ++i) inside[i] = coin();
  const bool out = coin();
  return between(of_regions(inside), out, !out);
}

// A region's gateways lose some of its nodes, which may still be there for nobody.
Faults::Cuts Faults::within_region() {
  const RegionId region = shuffled_regions().front();
  std::vector<bool> inside(processes_.all.size());
  for (const NodeId node : world_.topology.region(region).nodes) {
    inside[world_.process(node)] = coin();
  }
  return between(inside, true, coin());
}

Faults::Cuts Faults::pair() {
  const ProcessId from = random_process().id();
  const ProcessId to = random_process().id();
  Cuts cuts{{from, to}};
  if (coin()) cuts.emplace_back(to, from);
  return cuts;
}

Faults::Cuts Faults::shape() {
  const std::size_t regions = world_.topology.regions.size();
  switch (world_.random.below(8)) {
    case 0:
      return split(regions / 2);
    case 1:
      return split((regions - 1) / 2);
    case 2:
      return split(1);
    case 3:
      return bridge();
    case 4:
      return ring();
    case 5:
      count(Kind::one_way_cut);
      return one_way();
    case 6:
      return within_region();
    default:
      return pair();
  }
}

}  // namespace regent::simulation
