#include "topology/availability.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "topology/electorate.h"
#include "topology/link_chances.h"
#include "topology/parse.h"
#include "topology/region_chances.h"

namespace regent {
namespace {

Error wrong(std::string_view word, const std::string& problem) {
  return {ErrorCode::invalid, "'" + std::string(word) + "': " + problem};
}

// 0.001 or 0.1%; below 0 when it is neither.
double parse_share(std::string_view text) {
  double scale = 1;
  if (text.ends_with('%')) {
    text.remove_suffix(1);
    scale = 100;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return -1;
  value /= scale;
  return value > 1 ? -1 : value;
}

// P(enough weight is up, and somebody may lead) when every region hears every other.
double with_perfect_links(const std::vector<RegionChances>& regions, std::uint64_t needed,
                          bool& known) {
  // Apart: the sums with nobody who may lead so far, and with somebody.
  std::vector<WeightSums::Term> none{{0, 1.0}};
  std::vector<WeightSums::Term> some;
  for (const RegionChances& region : regions) {
    std::vector<WeightSums::Term> next_none;
    std::vector<WeightSums::Term> next_some;
    for (const RegionState& state : region) {
      add_shifted(next_some, some, state.weight, state.probability, needed);
      add_shifted(state.leads ? next_some : next_none, none, state.weight, state.probability,
                  needed);
    }
    none = std::move(next_none);
    some = std::move(next_some);
    if (none.size() + some.size() > WeightSums::kMaxTerms) {
      known = false;
      return 0;
    }
  }
  return !some.empty() && some.back().weight >= needed ? some.back().probability : 0;
}

}  // namespace

Failures Failures::everywhere(const Topology& topology, double region, double node, double link) {
  Failures out{region, node, link, {}, {}, {}};
  const std::size_t regions = topology.regions.size();
  out.of_region.assign(regions, region);
  out.of_node.assign(topology.nodes.size(), node);
  out.of_link.assign(regions, std::vector<double>(regions, link));
  return out;
}

Status Failures::set(const Topology& topology, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return wrong(word, "write WHAT=SHARE, such as node=1%");
  const std::string_view what = word.substr(0, equals);
  const double share = parse_share(word.substr(equals + 1));
  if (share < 0) return wrong(word, "the share of time must be from 0 to 1, or from 0% to 100%");
  if (what == "region" || what == "node" || what == "link") {
    if (what == "region") region = share;
    if (what == "node") node = share;
    if (what == "link") link = share;
    *this = everywhere(topology, region, node, link);
    return Done{};
  }
  const std::size_t split = what.find_first_of("~/");
  const auto first = topology.find_region(what.substr(0, split));
  if (!first) {
    return wrong(word, "there is no region '" + std::string(what.substr(0, split)) + "'");
  }
  if (split == std::string_view::npos) {
    of_region.at(first->value) = share;
    return Done{};
  }
  const std::string_view rest = what.substr(split + 1);
  if (what[split] == '/') {
    const auto found = topology.find_node(*first, rest);
    if (!found) return wrong(word, "there is no node '" + std::string(rest) + "' in that region");
    of_node.at(found->value) = share;
    return Done{};
  }
  const auto second = topology.find_region(rest);
  if (!second || second == first) {
    return wrong(word, "a link is between two regions: there is no other '" + std::string(rest) +
                           "'");
  }
  of_link[first->value][second->value] = share;
  of_link[second->value][first->value] = share;
  return Done{};
}

Topology as_majority(const Topology& topology) {
  Topology out = topology;
  out.kind = QuorumKind::majority;
  Result<QuorumTree> tree = build_tree(out);
  CHECK(tree.ok());
  out.tree = std::move(tree).value();
  return out;
}

Unavailability unavailability_of(const Topology& topology, const Failures& failures) {
  const std::optional<std::vector<RegionChances>> regions = region_chances(topology, failures);
  if (!regions) return {0, 1};
  const std::uint64_t needed = Turnout(topology).tree().needed;
  bool known = true;
  const double perfect = with_perfect_links(*regions, needed, known);
  const auto without = [](double with) { return std::clamp(1 - with, 0.0, 1.0); };
  const bool links_fail =
      std::any_of(failures.of_link.begin(), failures.of_link.end(), [](const auto& row) {
        return std::any_of(row.begin(), row.end(), [](double share) { return share > 0; });
      });
  if (known && !links_fail) return {without(perfect), without(perfect)};
  if (const auto exact = primary_over_links(*regions, needed, failures.of_link)) {
    return {without(*exact), without(*exact)};
  }
  const LinkBounds bounds = bounds_over_links(*regions, needed, failures.of_link);
  const double least = known ? without(perfect) : bounds.lost;
  const double most = known ? least + bounds.cut : bounds.lost + bounds.unsure + bounds.cut;
  return {least, std::min(1.0, most)};
}

}  // namespace regent
