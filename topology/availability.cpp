#include "topology/availability.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "topology/analysis.h"
#include "topology/electorate.h"
#include "topology/link_samples.h"
#include "topology/lost_votes.h"
#include "topology/parse.h"
#include "topology/plain_samples.h"
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
  if (std::signbit(value)) return -1;
  value /= scale;
  return value > 1 ? -1 : value;
}

// Whether a word is about all parts of a kind.
bool of_all(std::string_view word) {
  const std::string_view what = word.substr(0, word.find('='));
  return what == "region" || what == "node" || what == "link";
}

// One word.
Status set_one(Failures& failures, const Topology& topology, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return wrong(word, "write WHAT=SHARE, such as node=1%");
  const std::string_view what = word.substr(0, equals);
  const double share = parse_share(word.substr(equals + 1));
  if (share < 0) return wrong(word, "the share of time must be from 0 to 1, or from 0% to 100%");
  if (what == "region") {
    failures.region = share;
    failures.of_region.assign(failures.of_region.size(), share);
  }
  if (what == "node") {
    failures.node = share;
    failures.of_node.assign(failures.of_node.size(), share);
  }
  if (what == "link") {
    failures.link = share;
    for (std::vector<double>& row : failures.of_link) row.assign(row.size(), share);
  }
  if (of_all(word)) return Done{};
  const std::size_t split = what.find_first_of("~/");
  const auto first = topology.find_region(what.substr(0, split));
  if (!first) {
    return wrong(word, "there is no region '" + std::string(what.substr(0, split)) + "'");
  }
  if (split == std::string_view::npos) {
    failures.of_region.at(first->value) = share;
    return Done{};
  }
  const std::string_view rest = what.substr(split + 1);
  if (what[split] == '/') {
    const auto found = topology.find_node(*first, rest);
    if (!found) return wrong(word, "there is no node '" + std::string(rest) + "' in that region");
    failures.of_node.at(found->value) = share;
    return Done{};
  }
  const auto second = topology.find_region(rest);
  if (!second || second == first) {
    return wrong(word,
                 "a link is between two regions: there is no other '" + std::string(rest) + "'");
  }
  failures.of_link[first->value][second->value] = share;
  failures.of_link[second->value][first->value] = share;
  return Done{};
}

bool links_fail(const Failures& failures) {
  return std::ranges::any_of(failures.of_link, [](const std::vector<double>& row) {
    return std::ranges::any_of(row, [](double share) { return share > 0; });
  });
}

// Few enough to go through them again and again.
bool few_states(const std::vector<RegionChances>& regions) {
  constexpr std::size_t kFewStates = 4096;
  return std::ranges::all_of(
      regions, [](const RegionChances& region) { return region.size() <= kFewStates; });
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

Status Failures::set(const Topology& topology, std::vector<std::string> words) {
  std::stable_partition(words.begin(), words.end(), of_all);
  for (const std::string& word : words) {
    if (Status status = set_one(*this, topology, word); !status) return status;
  }
  return Done{};
}

std::map<std::string, double> Failures::exceptions(const Topology& topology) const {
  std::map<std::string, double> out;
  for (std::uint32_t i = 0; i < of_node.size(); ++i) {
    if (of_node[i] != node) out[node_name(topology, NodeId{i})] = of_node[i];
  }
  for (std::size_t i = 0; i < of_region.size(); ++i) {
    const std::string& name = topology.regions[i].name;
    if (of_region[i] != region) out[name] = of_region[i];
    for (std::size_t k = 0; k < i; ++k) {
      if (of_link[k][i] != link) out[topology.regions[k].name + "~" + name] = of_link[k][i];
    }
  }
  return out;
}

void Unavailability::narrow(double from, double middle, double to) {
  from = std::clamp(from, least, most);
  to = std::clamp(to, least, most);
  if (to - from >= most - least) return;
  method = Method::sampling;
  likely_least = from;
  likely_most = to;
  guess = std::clamp(middle, from, to);
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
  Unavailability out;
  const auto all_drawn = [&] {
    const SampledShare sampled = sampled_unavailability(topology, failures);
    out.narrow(sampled.bounds.least, sampled.guess, sampled.bounds.most);
    return out;
  };
  const std::optional<std::vector<RegionChances>> regions = region_chances(topology, failures);
  if (!regions) return all_drawn();
  const std::uint64_t needed = Turnout(topology).tree().needed;
  const ShareBounds lost = lost_votes(topology, failures, *regions, needed);
  // Sums of doubles that are 1 together can be a little more.
  out.least = std::min(1.0, lost.least);
  ShareBounds cut;
  if (links_fail(failures)) {
    if (!few_states(*regions)) return all_drawn();
    cut = cut_share(*regions, needed, failures.of_link, lost.least);
  }
  out.least = std::min(1.0, lost.least + cut.least);
  out.most = std::min(1.0, lost.most + cut.most);
  out.guess = out.most;
  if (out.most - out.least <= kRounding * out.most) {
    out.method = Unavailability::Method::exact;
  } else if (out.most - out.least > kCloseBounds * out.most && links_fail(failures)) {
    const SampledShare sampled = sampled_cut_share(*regions, needed, failures.of_link);
    out.narrow(lost.least + sampled.bounds.least, lost.most + sampled.guess,
               lost.most + sampled.bounds.most);
  }
  return out;
}

}  // namespace regent
