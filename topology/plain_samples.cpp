#include "topology/plain_samples.h"

#include <algorithm>

#include "topology/electorate.h"

namespace regent {
namespace {

constexpr std::size_t kMaxVotes = 20'000'000;
constexpr std::size_t kMostDraws = 20'000;
constexpr std::size_t kFewestDraws = 200;

class Draws {
 public:
  Draws(const Topology& topology, const Failures& failures)
      : topology_(topology), failures_(failures), turnout_(topology) {}

  SampledShare run() {
    const std::size_t votes = topology_.regions.size() * topology_.nodes.size();
    const std::size_t draws = std::clamp(kMaxVotes / votes, kFewestDraws, kMostDraws);
    std::size_t without = 0;
    for (std::size_t i = 0; i < draws; ++i) without += somebody_leads() ? 0 : 1;
    return sampled_share(without, draws);
  }

 private:
  bool somebody_leads() {
    const std::size_t regions = topology_.regions.size();
    std::vector<bool> up;
    for (const double down : failures_.of_region) up.push_back(!happens(down, random_));
    std::vector<bool> node_up;
    for (std::size_t i = 0; i < topology_.nodes.size(); ++i) {
      const bool with_region = up[topology_.nodes[i].region.value];
      node_up.push_back(with_region && !happens(failures_.of_node[i], random_));
    }
    std::vector<std::vector<bool>> linked(regions, std::vector<bool>(regions, true));
    for (std::size_t a = 0; a < regions; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        linked[a][b] = linked[b][a] = !happens(failures_.of_link[a][b], random_);
      }
    }
    for (std::uint16_t candidate = 0; candidate < regions; ++candidate) {
      for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
        turnout_.set(NodeId{i}, node_up[i] && linked[candidate][topology_.nodes[i].region.value]);
      }
      if (turnout_.quorum() && turnout_.may_lead(RegionId{candidate})) return true;
    }
    return false;
  }

  const Topology& topology_;
  const Failures& failures_;
  Turnout turnout_;
  Random random_;
};

}  // namespace

SampledShare sampled_unavailability(const Topology& topology, const Failures& failures) {
  return Draws(topology, failures).run();
}

}  // namespace regent
